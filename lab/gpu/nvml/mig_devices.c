/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* MIG devices: the compute instances as things of their own, numbered among those that the process may see. */
#include <stdio.h>
#include <string.h>

#include "simulation.h"

void mig_uuid(const struct compute *compute, char *text)
{
    const unsigned char *b = compute->uuid;
    sprintf(text, "MIG-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
            b[4], b[5], (b[6] & 0x0F) | 0x40, b[7], (b[8] & 0x3F) | 0x80, b[9], b[10], b[11], b[12], b[13], b[14],
            b[15]);
}

/* The instances behind a handle, if they are still those for which it was given. */
nvmlReturn_t look_mig(nvmlDevice_t device, struct view *view, struct instance **instance, struct compute **compute)
{
    char uuid[64];
    nvmlReturn_t result = look(device, view);
    if (result)
        return result;
    if (!is_mig(device))
        return NVML_ERROR_INVALID_ARGUMENT;
    *instance = instance_find(view->state, device.handle->instance);
    *compute = *instance ? compute_find(*instance, device.handle->compute) : NULL;
    if (!*compute)
        return NVML_ERROR_NOT_FOUND;
    mig_uuid(*compute, uuid);
    return strcmp(uuid, device.handle->uuid) ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
}

/* Calls `meet` for each visible MIG device of a card, until that returns true. */
static bool each_mig(struct view *view, bool (*meet)(nvmlDevice_t device, void *wish), void *wish)
{
    char uuid[64];
    for (unsigned int id = 0; view->state->mode && id < 2 * memory_slices(view->card); id++) {
        struct instance *instance = instance_find(view->state, id);
        for (unsigned int i = 0; instance && i < COMPUTES; i++) {
            const struct compute *compute = compute_find(instance, i);
            if (!compute || !compute_visible(view->card, id, i))
                continue;
            mig_uuid(compute, uuid);
            if (meet(mig_handle(view->index, id, i, uuid), wish))
                return true;
        }
    }
    return false;
}

struct search {
    unsigned int index;
    const char *uuid;
    nvmlDevice_t found;
};

static bool at_index(nvmlDevice_t device, void *wish)
{
    struct search *search = wish;
    search->found = device;
    return search->index-- == 0;
}

static bool with_uuid(nvmlDevice_t device, void *wish)
{
    struct search *search = wish;
    if (strcmp(search->uuid, device.handle->uuid)) {
        search->index++;
        return false;
    }
    search->found = device;
    return true;
}

nvmlReturn_t mig_index(nvmlDevice_t device, unsigned int *index)
{
    struct view view;
    struct search search = {.uuid = device.handle->uuid};
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!each_mig(&view, with_uuid, &search))
        return NVML_ERROR_NOT_FOUND;
    *index = search.index;
    return NVML_SUCCESS;
}

nvmlReturn_t mig_by_uuid(unsigned int card, const char *uuid, nvmlDevice_t *device)
{
    struct view view;
    struct search search = {.uuid = uuid};
    nvmlReturn_t result = look_at(card, &view);
    if (result)
        return result;
    if (!each_mig(&view, with_uuid, &search))
        return NVML_ERROR_NOT_FOUND;
    *device = search.found;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = view.state->mode ? most_instances(view.card) : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *migDevice)
{
    struct view view;
    struct search search = {.index = index};
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!migDevice || is_mig(device) || index >= most_instances(view.card))
        return view.card->profile_count ? NVML_ERROR_INVALID_ARGUMENT : NVML_ERROR_NOT_SUPPORTED;
    if (!each_mig(&view, at_index, &search))
        return NVML_ERROR_NOT_FOUND;
    *migDevice = search.found;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *isMigDevice)
{
    if (!is_device(device) || !isMigDevice)
        return NVML_ERROR_INVALID_ARGUMENT;
    *isMigDevice = is_mig(device);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t migDevice, nvmlDevice_t *device)
{
    if (!is_device(migDevice) || !device || !is_mig(migDevice))
        return NVML_ERROR_INVALID_ARGUMENT;
    *device = card_handle(migDevice.handle->card);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id)
{
    struct view view;
    struct instance *instance;
    struct compute *compute;
    nvmlReturn_t result = id ? look_mig(device, &view, &instance, &compute) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *id = instance->id;
    return result;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id)
{
    struct view view;
    struct instance *instance;
    struct compute *compute;
    nvmlReturn_t result = id ? look_mig(device, &view, &instance, &compute) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *id = compute->id;
    return result;
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
    struct view view;
    struct instance *instance;
    struct compute *compute;
    nvmlReturn_t result = attributes ? look_mig(device, &view, &instance, &compute) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return is_device(device) && !is_mig(device) ? NVML_ERROR_NOT_SUPPORTED : result;
    const struct profile *profile = profile_by_kind(view.card, instance->kind);
    *attributes = (nvmlDeviceAttributes_t){profile->multiprocessors * compute->slices / profile->slices,
                                           profile->copy_engines, profile->decoders, 0, profile->jpegs, profile->flows,
                                           profile->slices, compute->slices, profile->memory};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
    return nvmlDeviceGetAttributes_v2(device, attributes);
}
