/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* MIG mode: the mode in force and the one that comes with the next reset of the card. */
#include <string.h>

#include "simulation.h"

struct mode_wish {
    unsigned int mode;
    nvmlReturn_t activation;
};

static bool held(const struct view *view)
{
    return fault_busy(view->index) || claims_of(view->index, NO_INSTANCE, NO_INSTANCE);
}

static void reset(struct card_state *state)
{
    state->mode = state->pending;
    memset(state->instances, 0, sizeof state->instances);
}

static nvmlReturn_t set_mode(struct view *view, void *wish)
{
    struct mode_wish *mode = wish;
    if (!view->card->profile_count)
        return NVML_ERROR_NOT_SUPPORTED;
    view->state->pending = mode->mode;
    mode->activation = NVML_SUCCESS;
    if (view->state->mode == mode->mode)
        return NVML_SUCCESS;
    if (view->card->passthrough && view->card->architecture < NVML_DEVICE_ARCH_HOPPER)
        mode->activation = NVML_ERROR_RESET_REQUIRED;
    else if (held(view))
        mode->activation = NVML_ERROR_IN_USE;
    else
        reset(view->state);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetMigMode(nvmlDevice_t device, unsigned int mode, nvmlReturn_t *activationStatus)
{
    struct mode_wish wish = {.mode = mode};
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (is_mig(device) || mode > NVML_DEVICE_MIG_ENABLE || !activationStatus)
        return NVML_ERROR_INVALID_ARGUMENT;
    result = change(view.index, set_mode, &wish);
    *activationStatus = result ? result : wish.activation;
    return result;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *currentMode, unsigned int *pendingMode)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (is_mig(device) || !currentMode || !pendingMode)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!view.card->profile_count)
        return NVML_ERROR_NOT_SUPPORTED;
    *currentMode = view.state->mode;
    *pendingMode = view.state->pending;
    return NVML_SUCCESS;
}

static nvmlReturn_t reset_step(struct view *view, void *wish)
{
    (void)wish;
    if (view->card->passthrough)
        return NVML_ERROR_NOT_SUPPORTED;
    if (held(view))
        return NVML_ERROR_IN_USE;
    reset(view->state);
    return NVML_SUCCESS;
}

nvmlReturn_t card_reset(unsigned int card)
{
    return change(card, reset_step, NULL);
}
