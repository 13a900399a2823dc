/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* gpu-boot: tells the simulated cards that their host boots. */
#include <stdio.h>

#include "nvml.h"

nvmlReturn_t gpuSimulationBoot(void);

int main(void)
{
    nvmlReturn_t result = gpuSimulationBoot();
    if (result)
        fprintf(stderr, "gpu-boot: %s\n", nvmlErrorString(result));
    return (int)result;
}
