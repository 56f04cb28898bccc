#include "base/error.h"
#include "base/memory.h"
#include "engine/plan.h"

struct lk_session {
    const lk_plan *plan;
    lk_plan *owned; /* the plan, when nobody else has it */
    void *instance;
    uint64_t *step_ns; /* [steps]; for profiling */
    size_t pictures;   /* of the last run */
};

lk_status lk_session_share(const lk_plan *plan, lk_pool *pool, lk_session **session)
{
    lk_session *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "out of memory for a session");
    opened->plan = plan;
    opened->step_ns = lk_allocate_array(plan->program.step_count, sizeof *opened->step_ns);
    lk_status status = opened->step_ns ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for a session");
    if (!status) status = plan->backend->open(plan->compiled, pool, &opened->instance);
    if (status) lk_session_close(&opened);
    else *session = opened;
    return status;
}

lk_status lk_session_open(const lk_model *model, const lk_plan_options *options, lk_session **session)
{
    lk_plan *plan = NULL;
    lk_session *opened = NULL;
    lk_status status = lk_plan_open(model, options, &plan);
    if (!status) status = lk_session_share(plan, NULL, &opened);
    if (status) {
        lk_plan_close(&plan);
        return status;
    }
    opened->owned = plan;
    *session = opened;
    return LK_OK;
}

void lk_session_close(lk_session **session)
{
    lk_session *closed = *session;
    if (!closed) return;
    if (closed->instance) closed->plan->backend->close(closed->instance);
    lk_plan_close(&closed->owned);
    lk_free(closed->step_ns);
    lk_free(closed);
    *session = NULL;
}

const lk_plan *lk_session_plan(const lk_session *session)
{
    return session->plan;
}

float *lk_session_input(lk_session *session, size_t index)
{
    const lk_program *program = &session->plan->program;
    if (index >= program->batch || program->pixels) return NULL;
    return (float *)session->plan->backend->input(session->instance) +
           index * lk_value_floats(&program->values[program->input]);
}

uint8_t *lk_session_pixels(lk_session *session, size_t index)
{
    const lk_program *program = &session->plan->program;
    if (index >= program->batch || !program->pixels) return NULL;
    return (uint8_t *)session->plan->backend->input(session->instance) +
           index * lk_value_floats(&program->values[program->input]);
}

static lk_status run(lk_session *session, size_t pictures, uint64_t *step_ns)
{
    const size_t batch = session->plan->program.batch;
    if (!pictures || pictures > batch)
        return lk_fail(LK_ERROR_ARGUMENT, "a run of %zu pictures: this session takes 1 to %zu", pictures,
                       batch);
    const lk_status status = session->plan->backend->run(session->instance, pictures, step_ns);
    session->pictures = status ? 0 : pictures;
    return status;
}

lk_status lk_session_run(lk_session *session, size_t pictures)
{
    return run(session, pictures, NULL);
}

lk_status lk_session_profile(lk_session *session, size_t pictures, lk_step_profile *steps)
{
    const lk_plan *plan = session->plan;
    const lk_status status = run(session, pictures, session->step_ns);
    if (status) return status;
    for (size_t i = 0; i < plan->program.step_count; i++) {
        const lk_step *step = &plan->program.steps[i];
        const lk_value *output = &plan->program.values[step->output];
        const lk_step_traffic traffic = plan->backend->traffic(plan->compiled, i);
        steps[i] = (lk_step_profile){.name = step->name,
                                     .kind = lk_step_kind(step),
                                     .kernel = plan->backend->kernel(plan->compiled, i),
                                     .channels = output->channels,
                                     .height = output->height,
                                     .width = output->width,
                                     .multiply_adds = lk_step_multiply_adds(step),
                                     .map_bytes = traffic.map_bytes,
                                     .weight_bytes = traffic.weight_bytes,
                                     .in_next = traffic.in_next,
                                     .ns = session->step_ns[i]};
    }
    return LK_OK;
}

size_t lk_session_feature_length(const lk_session *session, size_t feature)
{
    return lk_plan_feature_length(session->plan, feature);
}

lk_status lk_session_feature(const lk_session *session, size_t feature, size_t index, float *values)
{
    const lk_plan *plan = session->plan;
    if (feature >= plan->feature_count)
        return lk_fail(LK_ERROR_ARGUMENT, "feature %zu of %zu", feature, plan->feature_count);
    if (index >= session->pictures)
        return lk_fail(LK_ERROR_ARGUMENT, "picture %zu of a run of %zu", index, session->pictures);
    plan->backend->read(session->instance, plan->features[feature].value, index, values);
    return LK_OK;
}
