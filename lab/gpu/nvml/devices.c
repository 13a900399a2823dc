/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Which cards there are for this process, and what they are. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "simulation.h"

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *deviceCount)
{
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    if (!deviceCount)
        return NVML_ERROR_INVALID_ARGUMENT;
    *deviceCount = 0;
    for (unsigned int card = 0; card < card_count(); card++)
        *deviceCount += card_visible(card_at(card));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *deviceCount)
{
    return nvmlDeviceGetCount_v2(deviceCount);
}

static nvmlReturn_t give(unsigned int card, nvmlDevice_t *device)
{
    if (fault_lost(card))
        return NVML_ERROR_GPU_IS_LOST;
    *device = card_handle(card);
    return NVML_SUCCESS;
}

/* Cards are numbered among those that the process may see. */
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    for (unsigned int card = 0; device && card < card_count(); card++)
        if (card_visible(card_at(card)) && index-- == 0)
            return give(card, device);
    return NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    if (!uuid || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned int card = 0; card < card_count(); card++) {
        if (!card_visible(card_at(card)))
            continue;
        if (!strcmp(card_at(card)->uuid, uuid))
            return give(card, device);
        if (mig_by_uuid(card, uuid, device) == NVML_SUCCESS)
            return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

static bool same_address(const char *one, const char *other)
{
    unsigned int a[3], b[3];
    return sscanf(one, "%x:%x:%x", &a[0], &a[1], &a[2]) == 3 && sscanf(other, "%x:%x:%x", &b[0], &b[1], &b[2]) == 3 &&
           !memcmp(a, b, sizeof a);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *pciBusId, nvmlDevice_t *device)
{
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    if (!pciBusId || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned int card = 0; card < card_count(); card++)
        if (same_address(card_at(card)->address, pciBusId) && card_visible(card_at(card)))
            return give(card, device);
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *pciBusId, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByPciBusId_v2(pciBusId, device);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!index)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (is_mig(device))
        return mig_index(device, index);
    *index = 0;
    for (unsigned int card = 0; card < view.index; card++)
        *index += card_visible(card_at(card));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
    struct view view;
    struct instance *instance;
    struct compute *compute;
    char text[NVML_DEVICE_NAME_V2_BUFFER_SIZE + 64];
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!is_mig(device))
        return copy_text(name, length, view.card->name);
    result = look_mig(device, &view, &instance, &compute);
    if (result)
        return result;
    const struct profile *profile = profile_by_kind(view.card, instance->kind);
    if (compute->slices == profile->slices)
        snprintf(text, sizeof text, "%s MIG %s", view.card->name, profile->name);
    else
        snprintf(text, sizeof text, "%s MIG %uc.%s", view.card->name, compute->slices, profile->name);
    return copy_text(name, length, text);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    return result ? result : copy_text(uuid, length, device.handle->uuid);
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minorNumber)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result == NVML_SUCCESS && minorNumber)
        *minorNumber = view.card->minor;
    return result || minorNumber ? result : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!pci)
        return NVML_ERROR_INVALID_ARGUMENT;
    memset(pci, 0, sizeof *pci);
    sscanf(view.card->address, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
    snprintf(pci->busId, sizeof pci->busId, NVML_DEVICE_PCI_BUS_ID_FMT, NVML_DEVICE_PCI_BUS_ID_FMT_ARGS(pci));
    snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "%04X:%02X:%02X.0", pci->domain & 0xFFFF, pci->bus & 0xFF,
             pci->device & 0xFF);
    pci->pciDeviceId = view.card->pci;
    pci->pciSubSystemId = view.card->pci;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    return nvmlDeviceGetPciInfo_v3(device, pci);
}

nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_t *pci)
{
    nvmlPciInfo_t plain;
    nvmlReturn_t result = pci ? nvmlDeviceGetPciInfo_v3(device, &plain) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    *pci = (nvmlPciInfoExt_t){pci->version, plain.domain, plain.bus, plain.device, plain.pciDeviceId,
                              plain.pciSubSystemId, 3, 2, ""};
    memcpy(pci->busId, plain.busId, sizeof plain.busId);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, nvmlDeviceArchitecture_t *arch)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result == NVML_SUCCESS && arch)
        *arch = view.card->architecture;
    return result || arch ? result : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!major || !minor)
        return NVML_ERROR_INVALID_ARGUMENT;
    unsigned int architecture = view.card->architecture;
    *major = architecture == NVML_DEVICE_ARCH_TURING ? 7 : architecture == NVML_DEVICE_ARCH_HOPPER ? 9 : 8;
    *minor = architecture == NVML_DEVICE_ARCH_TURING ? 5 : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, nvmlBrandType_t *type)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!type)
        return NVML_ERROR_INVALID_ARGUMENT;
    *type = strstr(view.card->name, "Quadro") ? NVML_BRAND_QUADRO
            : strstr(view.card->name, "Tesla") ? NVML_BRAND_TESLA
                                                : NVML_BRAND_NVIDIA;
    return NVML_SUCCESS;
}

/* The device plugin orders cards by it. */
nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t device1, nvmlDevice_t device2,
                                                 nvmlGpuTopologyLevel_t *pathInfo)
{
    if (!is_device(device1) || !is_device(device2) || !pathInfo)
        return NVML_ERROR_INVALID_ARGUMENT;
    *pathInfo = device1.handle->card == device2.handle->card ? NVML_TOPOLOGY_INTERNAL : NVML_TOPOLOGY_NODE;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetVirtualizationMode(nvmlDevice_t device, nvmlGpuVirtualizationMode_t *mode)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result == NVML_SUCCESS && mode)
        *mode = view.card->passthrough ? NVML_GPU_VIRTUALIZATION_MODE_PASSTHROUGH : NVML_GPU_VIRTUALIZATION_MODE_NONE;
    return result || mode ? result : NVML_ERROR_INVALID_ARGUMENT;
}
