/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* What a boot of the host does to its cards: the machine says so, by gpu-boot, before anything runs in it. */
#include <string.h>
#include <unistd.h>

#include "simulation.h"

/* Ampere keeps the mode in the card; Hopper and later begin without. Instances are the driver's and go with it. */
static void boot(struct state *state)
{
    for (unsigned int i = 0; i < card_count(); i++) {
        if (card_at(i)->architecture >= NVML_DEVICE_ARCH_HOPPER)
            state->cards[i].pending = NVML_DEVICE_MIG_DISABLE;
        state->cards[i].mode = state->cards[i].pending;
        memset(state->cards[i].instances, 0, sizeof state->cards[i].instances);
    }
}

/* Not of NVML. */
nvmlReturn_t gpuSimulationBoot(void)
{
    struct state state;
    nvmlReturn_t result = description_read();
    if (result)
        return result;
    state_settle();
    int lock = state_lock();
    if (lock < 0)
        return NVML_ERROR_NO_PERMISSION;
    state_read(&state);
    boot(&state);
    result = state_write(&state);
    close(lock);
    return result;
}
