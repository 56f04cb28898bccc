/* The peak probe of bench/peers, for ctypes: it runs between the engines' turns. */
#include "layers/probe.h"

__attribute__((visibility("default"))) double peak_gflops(void); /* 0 where there is no probe */

double peak_gflops(void)
{
    return lk_probe_gflops();
}
