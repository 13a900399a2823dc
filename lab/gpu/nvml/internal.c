/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The table of functions that nvidia-smi 550 asks for besides the public ones; without it, it calls the library alien.
 *
 * What its entries do was found by watching what nvidia-smi does with their answers. All others are not supported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define ENTRIES 256

typedef nvmlReturn_t (*entry)(void);

struct process {
    unsigned int pid;
    unsigned long long memory;
    unsigned int instance, compute;
    unsigned long long protected_memory;
    char name[4096];
};

struct reset_group {
    unsigned int count;
};

static nvmlReturn_t unsupported(void)
{
    return NVML_ERROR_NOT_SUPPORTED;
}

/* [domain:]bus:device.function, as cards are named on nvidia-smi's command line. */
static nvmlReturn_t read_address(const char *text, unsigned int *domain, unsigned int *bus, unsigned int *device,
                                 unsigned int *function)
{
    *domain = 0;
    bool with_domain = strchr(text, ':') != strrchr(text, ':');
    int found = with_domain ? sscanf(text, "%x:%x:%x.%x", domain, bus, device, function)
                            : sscanf(text, "%x:%x.%x", bus, device, function);
    return found == (with_domain ? 4 : 3) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

static nvmlReturn_t address_of(unsigned int index, unsigned int *domain, unsigned int *bus, unsigned int *device)
{
    nvmlDevice_t card;
    nvmlPciInfo_t pci;
    nvmlReturn_t result = nvmlDeviceGetHandleByIndex_v2(index, &card);
    if (result == NVML_SUCCESS)
        result = nvmlDeviceGetPciInfo_v3(card, &pci);
    if (result)
        return result;
    *domain = pci.domain;
    *bus = pci.bus;
    *device = pci.device;
    return NVML_SUCCESS;
}

static nvmlReturn_t is_primary(nvmlDevice_t device, unsigned int *primary)
{
    if (!is_device(device))
        return NVML_ERROR_INVALID_ARGUMENT;
    *primary = 0;
    return NVML_SUCCESS;
}

static nvmlReturn_t fabric_state(unsigned int *state)
{
    *state = 0;
    return NVML_SUCCESS;
}

static nvmlReturn_t group_make(struct reset_group **group, const nvmlDevice_t *devices, unsigned int count)
{
    (void)devices;
    *group = calloc(1, sizeof **group);
    if (!*group)
        return NVML_ERROR_MEMORY;
    (*group)->count = count;
    return NVML_SUCCESS;
}

/* No other card has to be reset with these. */
static nvmlReturn_t group_others(const struct reset_group *group, char **addresses, unsigned int *count)
{
    (void)group;
    (void)addresses;
    *count = 0;
    return NVML_SUCCESS;
}

static nvmlReturn_t group_free(struct reset_group *group)
{
    free(group);
    return NVML_SUCCESS;
}

static nvmlReturn_t reset_cards(unsigned int count, const nvmlDevice_t *devices)
{
    nvmlReturn_t result = NVML_SUCCESS;
    for (unsigned int i = 0; i < count && result == NVML_SUCCESS; i++)
        result = is_device(devices[i]) ? card_reset(devices[i].handle->card) : NVML_ERROR_INVALID_ARGUMENT;
    return result;
}

static nvmlReturn_t compute_processes(nvmlDevice_t device, unsigned int *count, struct process *processes)
{
    struct claim claims[LISTED];
    unsigned int found, room = *count;
    nvmlReturn_t result = claims_on(device, claims, LISTED, &found);
    if (result)
        return result;
    for (unsigned int i = 0; i < found && i < room; i++) {
        processes[i] = (struct process){claims[i].pid, MEMORY_OF_A_CLIENT, claims[i].instance, claims[i].compute, 0,
                                        ""};
        nvmlSystemGetProcessName(claims[i].pid, processes[i].name, sizeof processes[i].name);
    }
    *count = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

static nvmlReturn_t other_processes(nvmlDevice_t device, unsigned int *count)
{
    *count = 0;
    return is_device(device) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

static struct {
    size_t size;
    entry entries[ENTRIES];
} table;

static void set(unsigned int slot, entry function)
{
    table.entries[slot - 1] = function;
}

__attribute__((constructor)) static void fill(void)
{
    table.size = sizeof table;
    for (unsigned int slot = 1; slot <= ENTRIES; slot++)
        set(slot, unsupported);
    set(12, (entry)read_address);
    set(20, (entry)is_primary);
    set(75, (entry)address_of);
    set(168, (entry)reset_cards);
    set(169, (entry)fabric_state);
    set(182, (entry)group_make);
    set(183, (entry)group_others);
    set(184, (entry)group_free);
    set(213, (entry)compute_processes);
    set(214, (entry)other_processes);
    set(215, (entry)other_processes);
}

nvmlReturn_t nvmlInternalGetExportTable(const void **exported, const unsigned char *identifier)
{
    if (!exported || !identifier)
        return NVML_ERROR_INVALID_ARGUMENT;
    *exported = &table;
    return NVML_SUCCESS;
}
