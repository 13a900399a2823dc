/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* gpu-hold [UUID...]: plays a CUDA process. It holds the devices named, or all that it sees, prints their UUIDs, then
 * "holding", and waits for a signal. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "nvml.h"

nvmlReturn_t gpuSimulationClaim(nvmlDevice_t device);

static unsigned int held;

static nvmlReturn_t hold(nvmlDevice_t device)
{
    char uuid[NVML_DEVICE_UUID_V2_BUFFER_SIZE];
    nvmlReturn_t result = nvmlDeviceGetUUID(device, uuid, sizeof uuid);
    if (result == NVML_SUCCESS)
        result = gpuSimulationClaim(device);
    if (result == NVML_SUCCESS) {
        puts(uuid);
        held++;
    }
    return result;
}

/* The whole card, or what of it can be used in MIG mode. */
static nvmlReturn_t hold_card(nvmlDevice_t card)
{
    unsigned int mode = 0, pending, most;
    nvmlDevice_t device;
    if (nvmlDeviceGetMigMode(card, &mode, &pending) || !mode)
        return hold(card);
    nvmlReturn_t result = nvmlDeviceGetMaxMigDeviceCount(card, &most);
    for (unsigned int i = 0; i < most && result == NVML_SUCCESS; i++)
        if (nvmlDeviceGetMigDeviceHandleByIndex(card, i, &device) == NVML_SUCCESS)
            result = hold(device);
    return result;
}

static nvmlReturn_t hold_all(void)
{
    unsigned int count = 0;
    nvmlDevice_t device;
    nvmlReturn_t result = nvmlDeviceGetCount_v2(&count);
    for (unsigned int i = 0; i < count && result == NVML_SUCCESS; i++) {
        result = nvmlDeviceGetHandleByIndex_v2(i, &device);
        if (result == NVML_SUCCESS)
            result = hold_card(device);
    }
    return result;
}

static nvmlReturn_t hold_named(char **uuids)
{
    nvmlDevice_t device;
    nvmlReturn_t result = NVML_SUCCESS;
    for (; *uuids && result == NVML_SUCCESS; uuids++) {
        result = nvmlDeviceGetHandleByUUID(*uuids, &device);
        if (result == NVML_SUCCESS)
            result = hold(device);
    }
    return result;
}

int main(int count, char **arguments)
{
    nvmlReturn_t result = nvmlInit_v2();
    if (result == NVML_SUCCESS)
        result = count > 1 ? hold_named(arguments + 1) : hold_all();
    if (result == NVML_SUCCESS && !held)
        result = NVML_ERROR_GPU_NOT_FOUND;
    if (result) {
        fprintf(stderr, "gpu-hold: %s\n", nvmlErrorString(result));
        return (int)result;
    }
    puts("holding");
    fflush(stdout);
    pause();
    return 0;
}
