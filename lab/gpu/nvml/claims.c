/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Which process holds a card or a MIG device. A claim is a file in `claims` of the state's folder:
 *
 *     pid starttime card gi ci
 *
 * Its holder keeps it open with a lock, so that the claim ends with the process, however that ends. A record lock
 * beside it lets the kernel say who the holder is in the PID namespace of whoever asks. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "simulation.h"

static unsigned int holder(int file, unsigned int recorded)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0 ? (unsigned int)lock.l_pid
                                                                                        : recorded;
}

static bool read_claim(int folder, const char *name, struct claim *claim)
{
    char text[128] = "";
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool held = flock(file, LOCK_SH | LOCK_NB) != 0;
    bool read_in_full = held && read(file, text, sizeof text - 1) > 0 &&
                        sscanf(text, "%u %*u %u %u %u", &claim->pid, &claim->card, &claim->instance,
                               &claim->compute) == 4;
    if (read_in_full)
        claim->pid = holder(file, claim->pid);
    if (!held)
        unlinkat(folder, name, 0);
    close(file);
    return read_in_full;
}

/* Claims of processes that live; their number may exceed the room. */
unsigned int claims_list(struct claim *claims, unsigned int room)
{
    char path[512];
    unsigned int count = 0;
    DIR *folder = opendir(state_path("claims", path, sizeof path));
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        struct claim claim;
        if (entry->d_name[0] != '.' && read_claim(dirfd(folder), entry->d_name, &claim)) {
            if (count < room)
                claims[count] = claim;
            count++;
        }
    }
    closedir(folder);
    return count;
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

static unsigned long long own_start(void)
{
    char text[1024] = "";
    unsigned long long start = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file && fgets(text, sizeof text, file) && strrchr(text, ')')) {
        char *rest = NULL, *word = strtok_r(strrchr(text, ')') + 1, " ", &rest);
        for (int field = 3; word && field < 22; field++)
            word = strtok_r(NULL, " ", &rest);
        start = word ? strtoull(word, NULL, 10) : 0;
    }
    if (file)
        fclose(file);
    return start;
}

static nvmlReturn_t write_claim(const struct nvmlDevice_st *device)
{
    char name[48], fresh[512], path[512], text[128];
    unsigned char random[8];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    random_bytes(random, sizeof random);
    snprintf(name, sizeof name, "claims/.%02x%02x%02x%02x%02x%02x%02x%02x", random[0], random[1], random[2], random[3],
             random[4], random[5], random[6], random[7]);
    int file = open(state_path(name, fresh, sizeof fresh), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0)
        return NVML_ERROR_NO_PERMISSION;
    int length = snprintf(text, sizeof text, "%d %llu %u %u %u\n", getpid(), own_start(), device->card,
                          device->instance, device->compute);
    memmove(name + 7, name + 8, strlen(name + 7));
    if (write(file, text, (size_t)length) != length || flock(file, LOCK_EX | LOCK_NB) ||
        fcntl(file, F_SETLK, &lock) || rename(fresh, state_path(name, path, sizeof path))) {
        close(file);
        return NVML_ERROR_UNKNOWN;
    }
    return NVML_SUCCESS;
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
        result = write_claim(device.handle);
    if (lock >= 0)
        close(lock);
    return result;
}
