/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* How calls come to the state of a card: to look at it, or to change it in one step. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "simulation.h"

static nvmlReturn_t enter(unsigned int card, struct view *view)
{
    view->index = card;
    view->card = card_at(card);
    view->state = &view->all.cards[card];
    return fault_lost(card) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

nvmlReturn_t look_at(unsigned int card, struct view *view)
{
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    state_read(&view->all);
    return enter(card, view);
}

nvmlReturn_t look(nvmlDevice_t device, struct view *view)
{
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    return is_device(device) ? look_at(device.handle->card, view) : NVML_ERROR_INVALID_ARGUMENT;
}

/* The state is written even when the step fails: faults count the attempts. A step that fails leaves the rest alone. */
nvmlReturn_t change(unsigned int card, nvmlReturn_t (*step)(struct view *view, void *wish), void *wish)
{
    struct view view;
    if (!initialized())
        return NVML_ERROR_UNINITIALIZED;
    if (!may_configure())
        return NVML_ERROR_NO_PERMISSION;
    int lock = state_lock();
    if (lock < 0)
        return NVML_ERROR_NO_PERMISSION;
    state_read(&view.all);
    nvmlReturn_t result = enter(card, &view);
    if (result == NVML_SUCCESS)
        result = step(&view, wish);
    nvmlReturn_t written = state_write(&view.all);
    close(lock);
    return result ? result : written;
}

nvmlReturn_t copy_text(char *target, unsigned int length, const char *text)
{
    if (!target)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (strlen(text) >= length)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(target, text, strlen(text) + 1);
    return NVML_SUCCESS;
}
