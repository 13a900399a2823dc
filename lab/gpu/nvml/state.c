/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The state of the cards, shared by all processes of the host and its pods.
 *
 * Its files lie beside the library and are named as the driver's libraries are: so the container toolkit carries them
 * into pods, as the kernel would show the same cards there. A pod has a file without its name; hence a state is written
 * in place, into the older of two slots, and a reader, who takes no lock, believes the newer one that is whole. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulation.h"

#define FORMAT 0x4D494703u
#define SLOTS 2
#define OFFSET 14695981039346656037ull
#define PRIME 1099511628211ull

struct slot {
    unsigned long long number, sum;
    struct state state;
};

static const char *const files[] = {"lock", "state", "claims", "faults"};

static const char *folder(void)
{
    static char path[400];
    Dl_info library;
    const char *told = getenv("GPU_SIMULATION_STATE");
    if (told)
        return told;
    if (!path[0] && dladdr(files, &library) && strrchr(library.dli_fname, '/'))
        snprintf(path, sizeof path, "%.*s", (int)(strrchr(library.dli_fname, '/') - library.dli_fname),
                 library.dli_fname);
    return path;
}

const char *state_path(const char *name, char *path, size_t length)
{
    snprintf(path, length, "%s/libgpu-simulation-%s.so." DRIVER_VERSION, folder(), name);
    return path;
}

/* File descriptor of the lock, or -1. Closing it releases the lock. */
int state_lock(void)
{
    char path[512];
    int file = open(state_path("lock", path, sizeof path), O_RDONLY | O_CLOEXEC);
    while (file >= 0 && flock(file, LOCK_EX)) {
        if (errno != EINTR) {
            close(file);
            file = -1;
        }
    }
    return file;
}

/* FNV-1a over the number and the state. */
static unsigned long long sum_of(const struct slot *slot)
{
    const unsigned char *bytes = (const unsigned char *)&slot->state;
    unsigned long long sum = (OFFSET ^ slot->number) * PRIME;
    for (size_t i = 0; i < sizeof slot->state; i++)
        sum = (sum ^ bytes[i]) * PRIME;
    return sum;
}

static bool slot_read(int file, unsigned int place, struct slot *slot)
{
    return pread(file, slot, sizeof *slot, (off_t)(place * sizeof *slot)) == sizeof *slot &&
           slot->state.format == FORMAT && slot->sum == sum_of(slot);
}

/* The newer slot that is whole; without one, a state of nothing with the number 0. */
static void newest(int file, struct slot *slot)
{
    struct slot found;
    memset(slot, 0, sizeof *slot);
    for (unsigned int place = 0; place < SLOTS; place++)
        if (slot_read(file, place, &found) && found.number > slot->number)
            *slot = found;
}

/* Brings the cards of a state into the order of the description; a card that is new to it begins with nothing. */
static void order_cards(struct state *state)
{
    struct state old = *state;
    memset(state->cards, 0, sizeof state->cards);
    for (unsigned int i = 0; i < card_count(); i++) {
        for (unsigned int j = 0; j < CARDS; j++)
            if (!strcmp(old.cards[j].uuid, card_at(i)->uuid))
                state->cards[i] = old.cards[j];
        snprintf(state->cards[i].uuid, sizeof state->cards[i].uuid, "%s", card_at(i)->uuid);
    }
}

void state_read(struct state *state)
{
    char path[512];
    struct slot slot;
    int file = open(state_path("state", path, sizeof path), O_RDONLY | O_CLOEXEC);
    newest(file, &slot);
    if (file >= 0)
        close(file);
    *state = slot.state;
    state->format = FORMAT;
    order_cards(state);
}

/* Called with the state locked. */
nvmlReturn_t state_write(const struct state *state)
{
    char path[512];
    struct slot slot;
    int file = open(state_path("state", path, sizeof path), O_RDWR | O_CLOEXEC);
    if (file < 0)
        return NVML_ERROR_NO_PERMISSION;
    newest(file, &slot);
    slot.number++;
    slot.state = *state;
    slot.sum = sum_of(&slot);
    off_t place = (off_t)(slot.number % SLOTS * sizeof slot);
    bool whole = pwrite(file, &slot, sizeof slot, place) == sizeof slot;
    close(file);
    return whole ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

/* Makes the files; without the right to write, nothing. */
void state_settle(void)
{
    char path[512];
    if (geteuid())
        return;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        int file = open(state_path(files[i], path, sizeof path), O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
        if (file >= 0)
            close(file);
    }
}

void random_bytes(unsigned char *bytes, size_t length)
{
    if (getrandom(bytes, length, 0) != (ssize_t)length)
        abort();
}
