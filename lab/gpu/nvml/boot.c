/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Whether the host was rebooted since the state was written.
 *
 * The kernel's boot_id is that of the machine below the guests. A guest's own identity is the start of its PID 1 and a
 * number on the tmpfs /run, which begins empty with each boot. A process in a pod sees another PID 1 or another /run:
 * it has no identity, and takes the state as it is. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "simulation.h"

#define NOTE_FOLDER "/run/gpu-simulation"
#define NOTE NOTE_FOLDER "/boot"

static char identity[64];

static bool read_text(const char *path, char *text, size_t length)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, length - 1);
    if (file >= 0)
        close(file);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Field 22 of /proc/1/stat, if PID 1 is an init system. */
static bool start_of_init(char *start, size_t length)
{
    char text[1024];
    if (!read_text("/proc/1/stat", text, sizeof text))
        return false;
    char *name = strchr(text, '('), *end = strrchr(text, ')'), *rest = NULL;
    if (!name || !end)
        return false;
    *end = '\0';
    if (strcmp(name + 1, "systemd") && strcmp(name + 1, "init"))
        return false;
    char *word = strtok_r(end + 1, " ", &rest);
    for (int field = 3; word && field < 22; field++)
        word = strtok_r(NULL, " ", &rest);
    return word && snprintf(start, length, "%s", word) < (int)length;
}

static bool run_is_of_this_boot(void)
{
    struct stat run, root;
    struct statfs kind;
    return !stat("/run", &run) && !stat("/", &root) && run.st_dev != root.st_dev && !statfs("/run", &kind) &&
           kind.f_type == TMPFS_MAGIC;
}

/* Without the note the boot is a new one, of which nobody with the right to write has taken note yet. */
void boot_find(void)
{
    char start[24], note[33];
    identity[0] = '\0';
    if (!start_of_init(start, sizeof start) || !run_is_of_this_boot())
        return;
    bool noted = read_text(NOTE, note, sizeof note);
    snprintf(identity, sizeof identity, "%s-%s", start, noted ? note : "new");
}

/* Called with the state locked. */
void boot_note(void)
{
    unsigned char bytes[16];
    char text[33];
    if (!identity[0] || access(NOTE, F_OK) == 0)
        return;
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    mkdir(NOTE_FOLDER, 0755);
    int file = open(NOTE ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0)
        return;
    bool whole = write(file, text, 32) == 32;
    close(file);
    if (whole && !rename(NOTE ".part", NOTE))
        boot_find();
}

/* Ampere keeps the mode in the card; Hopper and later begin without. Instances are the driver's and go with it. */
bool boot_apply(struct state *state)
{
    if (!identity[0] || !strcmp(state->boot, identity))
        return false;
    snprintf(state->boot, sizeof state->boot, "%s", identity);
    for (unsigned int i = 0; i < card_count(); i++) {
        struct card_state *card = &state->cards[i];
        if (card_at(i)->architecture >= NVML_DEVICE_ARCH_HOPPER)
            card->pending = NVML_DEVICE_MIG_DISABLE;
        card->mode = card->pending;
        memset(card->instances, 0, sizeof card->instances);
    }
    return true;
}
