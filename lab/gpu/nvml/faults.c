/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Faults to play, one a line in the file `faults` of the state's folder:
 *
 *     lost <card>                          the card fell off the bus
 *     ecc <card> <count>                   so many uncorrected errors since the driver was loaded
 *     busy <card>                          a client that is not listed holds the card and all of its instances
 *     create-fails <card> <nth> [unknown]  the nth GPU or compute instance created since the file was written fails
 *     create-hangs <card>                  no GPU or compute instance is created as long as this line is there */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulation.h"

struct fault {
    char kind[16], detail[16];
    unsigned int card;
    unsigned long long number;
};

static bool fault_find(const char *kind, unsigned int card, struct fault *fault)
{
    char path[512], line[128];
    FILE *file = fopen(state_path("faults", path, sizeof path), "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        memset(fault, 0, sizeof *fault);
        found = sscanf(line, "%15s %u %llu %15s", fault->kind, &fault->card, &fault->number, fault->detail) >= 2 &&
                fault->card == card && !strcmp(fault->kind, kind);
    }
    if (file)
        fclose(file);
    return found;
}

bool fault_lost(unsigned int card)
{
    struct fault fault;
    return fault_find("lost", card, &fault);
}

bool fault_busy(unsigned int card)
{
    struct fault fault;
    return fault_find("busy", card, &fault);
}

unsigned long long fault_ecc(unsigned int card)
{
    struct fault fault;
    return fault_find("ecc", card, &fault) ? fault.number : 0;
}

nvmlReturn_t fault_create(struct view *view)
{
    char path[512];
    struct stat file;
    struct fault fault;
    while (fault_find("create-hangs", view->index, &fault))
        usleep(50000);
    if (stat(state_path("faults", path, sizeof path), &file) || !fault_find("create-fails", view->index, &fault))
        return NVML_SUCCESS;
    long long written = file.st_mtim.tv_sec * 1000000000ll + file.st_mtim.tv_nsec;
    if (written != view->all.faults_written) {
        view->all.faults_written = written;
        for (unsigned int i = 0; i < CARDS; i++)
            view->all.cards[i].creates = 0;
    }
    if (++view->state->creates != fault.number)
        return NVML_SUCCESS;
    return strcmp(fault.detail, "unknown") ? NVML_ERROR_INSUFFICIENT_RESOURCES : NVML_ERROR_UNKNOWN;
}
