/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Which process holds a card or a MIG device. A claim is a lock on one byte of the file of claims: which byte, says
 * what is held. So it ends with the process, however that ends; a pod needs no right to write; and the kernel says who
 * the holder is in the PID namespace of whoever asks. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "simulation.h"

#define HOLDERS 4096
/* Bytes for each thing that can be held: a holder takes the one of its PID, so that two do not hide each other. */
#define PLACES_OF_INSTANCE (COMPUTES + 1)
#define PLACES_OF_CARD (15 * PLACES_OF_INSTANCE + 1)

/* Never closed: that would end the process's own claims. */
static int claims_file(void)
{
    static int file = -1;
    char path[512];
    if (file < 0)
        file = open(state_path("claims", path, sizeof path), O_RDONLY | O_CLOEXEC);
    return file;
}

/* A card's first place is the card itself. */
static unsigned int place_of(unsigned int card, unsigned int instance, unsigned int compute)
{
    unsigned int place = card * PLACES_OF_CARD;
    return instance == NO_INSTANCE ? place : place + 1 + instance * PLACES_OF_INSTANCE + compute;
}

static void read_place(unsigned int place, struct claim *claim)
{
    unsigned int within = place % PLACES_OF_CARD;
    claim->card = place / PLACES_OF_CARD;
    claim->instance = within ? (within - 1) / PLACES_OF_INSTANCE : NO_INSTANCE;
    claim->compute = within ? (within - 1) % PLACES_OF_INSTANCE : NO_INSTANCE;
}

/* Counts the claims from `start` on and before `end`. The kernel names any of them, not the first: so search on both
 * sides of it. */
static unsigned int list_between(off_t start, off_t end, struct claim *claims, unsigned int room, unsigned int count)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = end - start};
    if (start >= end || fcntl(claims_file(), F_GETLK, &lock) || lock.l_type == F_UNLCK)
        return count;
    off_t found = lock.l_start;
    count = list_between(start, found, claims, room, count);
    if (count < room) {
        read_place((unsigned int)(found / HOLDERS), &claims[count]);
        claims[count].pid = lock.l_pid > 0 ? (unsigned int)lock.l_pid : 0;
    }
    return list_between(found + 1, end, claims, room, count + 1);
}

/* Claims of other processes; their number may exceed the room. */
unsigned int claims_list(struct claim *claims, unsigned int room)
{
    return claims_file() < 0 ? 0 : list_between(0, (off_t)CARDS * PLACES_OF_CARD * HOLDERS, claims, room, 0);
}

/* How many hold this; NO_INSTANCE stands for any. */
unsigned int claims_of(unsigned int card, unsigned int instance, unsigned int compute)
{
    struct claim claims[LISTED];
    unsigned int count = claims_list(claims, LISTED), found = 0;
    for (unsigned int i = 0; i < count && i < LISTED; i++)
        found += claims[i].card == card && (instance == NO_INSTANCE || claims[i].instance == instance) &&
                 (compute == NO_INSTANCE || claims[i].compute == compute);
    return found;
}

static nvmlReturn_t claim(const struct nvmlDevice_st *device)
{
    off_t place = (off_t)place_of(device->card, device->instance, device->compute) * HOLDERS;
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = place + getpid() % HOLDERS, .l_len = 1};
    if (claims_file() < 0)
        return NVML_ERROR_NO_PERMISSION;
    return fcntl(claims_file(), F_SETLK, &lock) ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
}

/* Not of NVML: what starting a CUDA context on a device is to the real driver. The claim ends with the process. */
nvmlReturn_t gpuSimulationClaim(nvmlDevice_t device)
{
    struct view view;
    struct instance *instance;
    struct compute *compute;
    int lock = state_lock();
    nvmlReturn_t result = look(device, &view);
    if (result == NVML_SUCCESS && is_mig(device))
        result = look_mig(device, &view, &instance, &compute);
    else if (result == NVML_SUCCESS && view.state->mode)
        result = NVML_ERROR_NOT_SUPPORTED;
    if (result == NVML_SUCCESS)
        result = claim(device.handle);
    if (lock >= 0)
        close(lock);
    return result;
}
