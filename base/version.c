#include "engine/likeness.h"

const char *lk_version(void)
{
    return LK_VERSION;
}
