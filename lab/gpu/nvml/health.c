/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* What a card says of its condition: memory, errors, and the figures of one that idles. */
#include "simulation.h"

#define IDLE_TEMPERATURE 34
#define IDLE_POWER 30000

static nvmlReturn_t memory(nvmlDevice_t device, unsigned long long *total, unsigned long long *used)
{
    struct view view;
    struct instance *instance;
    struct compute *compute;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    *total = view.card->memory * MEBIBYTE;
    if (is_mig(device)) {
        result = look_mig(device, &view, &instance, &compute);
        if (result)
            return result;
        *total = profile_by_kind(view.card, instance->kind)->memory * MEBIBYTE;
    }
    *used = claims_of(view.index, device.handle->instance, device.handle->compute) * MEMORY_OF_A_CLIENT;
    *used = *used < *total ? *used : *total;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *info)
{
    unsigned long long total, used;
    nvmlReturn_t result = info ? memory(device, &total, &used) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *info = (nvmlMemory_t){total, total - used, used};
    return result;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *info)
{
    unsigned long long total, used;
    nvmlReturn_t result = info ? memory(device, &total, &used) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *info = (nvmlMemory_v2_t){info->version, total, 0, total - used, used};
    return result;
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *bar1Memory)
{
    struct view view;
    nvmlReturn_t result = bar1Memory ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *bar1Memory = (nvmlBAR1Memory_t){256 * MEBIBYTE, 255 * MEBIBYTE, MEBIBYTE};
    return result;
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t *current, nvmlEnableState_t *pending)
{
    struct view view;
    nvmlReturn_t result = current && pending ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *current = *pending = NVML_FEATURE_ENABLED;
    return result;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t errorType,
                                         nvmlEccCounterType_t counterType, unsigned long long *eccCounts)
{
    struct view view;
    (void)counterType;
    nvmlReturn_t result = eccCounts ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *eccCounts = errorType == NVML_MEMORY_ERROR_TYPE_UNCORRECTED ? fault_ecc(view.index) : 0;
    return result;
}

nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, nvmlMemoryErrorType_t errorType,
                                             nvmlEccCounterType_t counterType, nvmlMemoryLocation_t locationType,
                                             unsigned long long *count)
{
    nvmlReturn_t result = nvmlDeviceGetTotalEccErrors(device, errorType, counterType, count);
    if (result || locationType == NVML_MEMORY_LOCATION_DEVICE_MEMORY)
        return result;
    *count = 0;
    return locationType == NVML_MEMORY_LOCATION_SRAM ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensorType, unsigned int *temp)
{
    struct view view;
    (void)sensorType;
    nvmlReturn_t result = temp ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *temp = IDLE_TEMPERATURE;
    return result;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *power)
{
    struct view view;
    nvmlReturn_t result = power ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *power = IDLE_POWER;
    return result;
}

nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, nvmlPstates_t *pState)
{
    struct view view;
    nvmlReturn_t result = pState ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *pState = NVML_PSTATE_0;
    return result;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization)
{
    struct view view;
    nvmlReturn_t result = utilization ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    if (view.state->mode)
        return NVML_ERROR_NOT_SUPPORTED;
    *utilization = (nvmlUtilization_t){0, 0};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, nvmlComputeMode_t *mode)
{
    struct view view;
    nvmlReturn_t result = mode ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *mode = NVML_COMPUTEMODE_DEFAULT;
    return result;
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t *mode)
{
    struct view view;
    nvmlReturn_t result = mode ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *mode = NVML_FEATURE_ENABLED;
    return result;
}

nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, nvmlEnableState_t *isActive)
{
    struct view view;
    nvmlReturn_t result = isActive ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *isActive = NVML_FEATURE_DISABLED;
    return result;
}

nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, nvmlEnableState_t *display)
{
    return nvmlDeviceGetDisplayActive(device, display);
}
