/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The state of the cards, shared by all processes of the host and its pods.
 *
 * Readers take no lock: a new state is renamed over the old one, so each sees a whole one, and a writer that is killed
 * leaves the old one. Writers hold a lock on a file of its own from reading to renaming. */
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

#define DEFAULT_STATE "/var/lib/gpu-simulation"
#define FORMAT 0x4D494701u

const char *state_path(const char *name, char *path, size_t length)
{
    const char *folder = getenv("GPU_SIMULATION_STATE");
    snprintf(path, length, "%s/%s", folder ? folder : DEFAULT_STATE, name);
    return path;
}

/* File descriptor of the lock, or -1. Closing it releases the lock. */
int state_lock(void)
{
    char path[512];
    int file = open(state_path("lock", path, sizeof path), O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        file = open(path, O_RDONLY | O_CLOEXEC);
    while (file >= 0 && flock(file, LOCK_EX)) {
        if (errno != EINTR) {
            close(file);
            file = -1;
        }
    }
    return file;
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

/* Whether the host was rebooted since the state was written. */
bool state_read(struct state *state)
{
    char path[512];
    int file = open(state_path("state", path, sizeof path), O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, state, sizeof *state);
    if (file >= 0)
        close(file);
    if (got != sizeof *state || state->format != FORMAT)
        memset(state, 0, sizeof *state);
    state->format = FORMAT;
    order_cards(state);
    return boot_apply(state);
}

nvmlReturn_t state_write(const struct state *state)
{
    char fresh[512], path[512];
    int file = open(state_path("state.part", fresh, sizeof fresh), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0)
        return NVML_ERROR_NO_PERMISSION;
    bool whole = write(file, state, sizeof *state) == sizeof *state;
    close(file);
    if (!whole || rename(fresh, state_path("state", path, sizeof path)))
        return NVML_ERROR_UNKNOWN;
    return NVML_SUCCESS;
}

/* Makes the folder and takes note of a reboot; without the right to write, nothing. */
void state_settle(void)
{
    char path[512];
    struct state state;
    boot_find();
    if (geteuid())
        return;
    mkdir(state_path("", path, sizeof path), 0755);
    if (!mkdir(state_path("claims", path, sizeof path), 0755))
        chmod(path, 01777);
    int lock = state_lock();
    if (lock < 0)
        return;
    boot_note();
    if (state_read(&state))
        state_write(&state);
    close(lock);
}

void random_bytes(unsigned char *bytes, size_t length)
{
    if (getrandom(bytes, length, 0) != (ssize_t)length)
        abort();
}
