#include "cbir/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

json_t *lk_json_float(float value)
{
    char text[40];
    if (!isfinite(value)) return NULL;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return json_real(strtod(text, NULL));
}
