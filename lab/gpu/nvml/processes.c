/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The processes that hold a card or a MIG device. */
#include <stdio.h>
#include <string.h>

#include "simulation.h"

static bool concerns(const struct claim *claim, const struct nvmlDevice_st *device)
{
    return claim->card == device->card && (device->instance == NO_INSTANCE || claim->instance == device->instance) &&
           (device->compute == NO_INSTANCE || claim->compute == device->compute);
}

/* The claims on a card or a MIG device, at most as many as there is room for. */
nvmlReturn_t claims_on(nvmlDevice_t device, struct claim *claims, unsigned int room, unsigned int *found)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    unsigned int listed = claims_list(claims, room);
    *found = 0;
    for (unsigned int i = 0; i < listed && i < room; i++)
        if (concerns(&claims[i], device.handle))
            claims[(*found)++] = claims[i];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *infoCount,
                                                     nvmlProcessInfo_t *infos)
{
    struct claim claims[LISTED];
    unsigned int found;
    nvmlReturn_t result = infoCount ? claims_on(device, claims, LISTED, &found) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    unsigned int room = infos ? *infoCount : 0;
    for (unsigned int i = 0; i < found && i < room; i++)
        infos[i] = (nvmlProcessInfo_t){claims[i].pid, MEMORY_OF_A_CLIENT, claims[i].instance, claims[i].compute};
    *infoCount = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

static nvmlReturn_t none(nvmlDevice_t device, unsigned int *infoCount)
{
    struct view view;
    nvmlReturn_t result = infoCount ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *infoCount = 0;
    return result;
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *infoCount,
                                                      nvmlProcessInfo_t *infos)
{
    (void)infos;
    return none(device, infoCount);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *infoCount,
                                                        nvmlProcessInfo_t *infos)
{
    (void)infos;
    return none(device, infoCount);
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int length)
{
    char path[64], line[256] = "";
    if (!name || !length)
        return NVML_ERROR_INVALID_ARGUMENT;
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return NVML_ERROR_NOT_FOUND;
    line[fread(line, 1, sizeof line - 1, file)] = '\0';
    fclose(file);
    snprintf(name, length, "%s", line);
    return NVML_SUCCESS;
}
