/* BatchNorm over a batch, the sum with a shortcut, and ReLU; forward and backward.

   Included once for each type of element: ELEMENT and NAME(x) say which. What is left after the last whole row
   is copied into a row of its own, padded so that it adds nothing to any sum. */

/* A value of each channel, by lane. */
static float *NAME(spread)(const float *by_channel, struct shape shape, float *by_lane) {
    for (long element = 0; element < shape.lanes; element++)
        by_lane[NAME(lane_of)(element)] = by_channel[element % shape.channels];
    return by_lane;
}

/* The sum of one channel over its lanes. */
static double NAME(folded)(const double *by_lane, struct shape shape, long channel) {
    double sum = 0;
    for (long element = channel; element < shape.lanes; element += shape.channels)
        sum += by_lane[NAME(lane_of)(element)];
    return sum;
}

/* Sums over the pixels of x - pivot and of its square, by lane. */
static void NAME(moments)(const ELEMENT *x, struct shape shape, const float *pivot, double *sums, double *squares) {
    for (long start = 0; start < shape.rows; start += shape.chunk) {
        long end = smaller(start + shape.chunk, shape.rows);
        for (long lane = 0; lane < shape.lanes; lane += TILE) {
            floats sum[VECTORS] = {0}, square[VECTORS] = {0};
            for (long row = start; row < end; row++)
                for (int p = 0; p < VECTORS; p += 2) {
                    floats values[2];
                    NAME(load_pair)(x + row * shape.lanes + lane + p * LANES, values);
                    for (int v = p; v < p + 2; v++) {
                        floats distance = values[v - p] - load_float(pivot + lane + v * LANES);
                        sum[v] += distance;
                        square[v] += distance * distance;
                    }
                }
            for (int v = 0; v < VECTORS; v++) {
                add_to(sums + lane + v * LANES, sum[v]);
                add_to(squares + lane + v * LANES, square[v]);
            }
        }
    }
}

/* y = x * scale + shift (+ shortcut), and max(., 0) where relu is set. NaN stays NaN. From the last row to the first: what
   the sums have read last is still near. */
INLINE void NAME(affine_of)(const ELEMENT *x, struct shape shape, const float *scale, const float *shift,
                            const ELEMENT *shortcut, int relu, ELEMENT *y) {
    for (long end = shape.rows; end > 0; end -= shape.chunk)
        for (long lane = 0; lane < shape.lanes; lane += TILE) {
            floats factors[VECTORS], shifts[VECTORS];
            load_tile(scale + lane, factors);
            load_tile(shift + lane, shifts);
            for (long row = end - 1; row >= larger(0, end - shape.chunk); row--)
                for (int p = 0; p < VECTORS; p += 2) {
                    long at = row * shape.lanes + lane + p * LANES;
                    floats values[2], others[2];
                    NAME(load_pair)(x + at, values);
                    if (shortcut) NAME(load_pair)(shortcut + at, others);
                    for (int h = 0; h < 2; h++) {
                        values[h] = values[h] * factors[p + h] + shifts[p + h];
                        if (shortcut) values[h] += others[h];
                        if (relu) values[h] = without(values[h], values[h] < 0);
                    }
                    NAME(store_pair)(y + at, values);
                }
        }
}

static void NAME(affine)(const ELEMENT *x, struct shape shape, const float *scale, const float *shift,
                         const ELEMENT *shortcut, int relu, ELEMENT *y) {
    if (shortcut && relu) NAME(affine_of)(x, shape, scale, shift, shortcut, 1, y);
    else if (shortcut) NAME(affine_of)(x, shape, scale, shift, shortcut, 0, y);
    else if (relu) NAME(affine_of)(x, shape, scale, shift, NULL, 1, y);
    else NAME(affine_of)(x, shape, scale, shift, NULL, 0, y);
}

/* Sums over the pixels of the gradient and of its product with x - mean, by lane. The gradient, to which `other` is added,
   is 0 where ReLU's output, which is y, or x * scale + shift where that is all there is, lies at 0 or below; where it is
   NaN, the gradient passes, as in torch. It is kept in `masked` if asked. */
INLINE void NAME(reduce_of)(const ELEMENT *grad, const ELEMENT *other, const ELEMENT *x, const ELEMENT *y, struct shape shape,
                            const float *scale, const float *shift, const float *mean, int relu, ELEMENT *masked,
                            double *sums, double *products) {
    for (long start = 0; start < shape.rows; start += shape.chunk) {
        long end = smaller(start + shape.chunk, shape.rows);
        for (long lane = 0; lane < shape.lanes; lane += TILE) {
            floats sum[VECTORS] = {0}, product[VECTORS] = {0};
            floats factors[VECTORS], shifts[VECTORS], means[VECTORS];
            load_tile(scale + lane, factors);
            load_tile(shift + lane, shifts);
            load_tile(mean + lane, means);
            for (long row = start; row < end; row++)
                for (int p = 0; p < VECTORS; p += 2) {
                    long at = row * shape.lanes + lane + p * LANES;
                    floats inputs[2], values[2], others[2], outputs[2];
                    NAME(load_pair)(x + at, inputs);
                    NAME(load_pair)(grad + at, values);
                    if (other) NAME(load_pair)(other + at, others);
                    if (y) NAME(load_pair)(y + at, outputs);
                    for (int h = 0; h < 2; h++) {
                        if (other) values[h] += others[h];
                        if (!y) outputs[h] = inputs[h] * factors[p + h] + shifts[p + h];
                        if (relu) values[h] = without(values[h], outputs[h] <= 0);
                        sum[p + h] += values[h];
                        product[p + h] += values[h] * (inputs[h] - means[p + h]);
                    }
                    if (masked) NAME(store_pair)(masked + at, values);
                }
            for (int v = 0; v < VECTORS; v++) {
                add_to(sums + lane + v * LANES, sum[v]);
                add_to(products + lane + v * LANES, product[v]);
            }
        }
    }
}

static void NAME(reduce)(const ELEMENT *grad, const ELEMENT *other, const ELEMENT *x, const ELEMENT *y, struct shape shape,
                         const float *scale, const float *shift, const float *mean, int relu, ELEMENT *masked,
                         double *sums, double *products) {
    if (y && other) NAME(reduce_of)(grad, other, x, y, shape, scale, shift, mean, 1, masked, sums, products);
    else if (y) NAME(reduce_of)(grad, NULL, x, y, shape, scale, shift, mean, 1, masked, sums, products);
    else if (relu) NAME(reduce_of)(grad, NULL, x, NULL, shape, scale, shift, mean, 1, NULL, sums, products);
    else NAME(reduce_of)(grad, NULL, x, NULL, shape, scale, shift, mean, 0, NULL, sums, products);
}

/* grad_x = scale * gradient + slope * x + offset, the gradient masked by the sign of x * scale + shift if asked; from the
   last row to the first, likewise. */
INLINE void NAME(back_of)(const ELEMENT *grad, const ELEMENT *x, struct shape shape, const float *scale,
                          const float *shift, const float *slope, const float *offset, int relu, ELEMENT *grad_x) {
    for (long end = shape.rows; end > 0; end -= shape.chunk)
        for (long lane = 0; lane < shape.lanes; lane += TILE) {
            floats factors[VECTORS], shifts[VECTORS], slopes[VECTORS], offsets[VECTORS];
            load_tile(scale + lane, factors);
            load_tile(shift + lane, shifts);
            load_tile(slope + lane, slopes);
            load_tile(offset + lane, offsets);
            for (long row = end - 1; row >= larger(0, end - shape.chunk); row--)
                for (int p = 0; p < VECTORS; p += 2) {
                    long at = row * shape.lanes + lane + p * LANES;
                    floats inputs[2], values[2];
                    NAME(load_pair)(x + at, inputs);
                    NAME(load_pair)(grad + at, values);
                    for (int h = 0; h < 2; h++) {
                        floats factor = factors[p + h];
                        if (relu) values[h] = without(values[h], inputs[h] * factor + shifts[p + h] <= 0);
                        values[h] = values[h] * factor + (inputs[h] * slopes[p + h] + offsets[p + h]);
                    }
                    NAME(store_pair)(grad_x + at, values);
                }
        }
}

static void NAME(back)(const ELEMENT *grad, const ELEMENT *x, struct shape shape, const float *scale,
                       const float *shift, const float *slope, const float *offset, int relu, ELEMENT *grad_x) {
    if (relu) NAME(back_of)(grad, x, shape, scale, shift, slope, offset, 1, grad_x);
    else NAME(back_of)(grad, x, shape, scale, shift, slope, offset, 0, grad_x);
}

/* What is left after the last whole row, as a row, which the first pixels of `pad` (or zeros) fill up. */
static const ELEMENT *NAME(rest_of)(const ELEMENT *from, struct shape shape, const ELEMENT *pad, ELEMENT *row) {
    if (!from) return NULL;
    for (long lane = 0; lane < shape.lanes; lane++) row[lane] = pad ? pad[lane % shape.channels] : 0;
    memcpy(row, from + shape.rows * shape.lanes, shape.rest * sizeof(ELEMENT));
    return row;
}

/* All rows of y, and the rest. */
static void NAME(affine_whole)(const ELEMENT *x, struct shape shape, const float *scale, const float *shift,
                               const ELEMENT *shortcut, int relu, ELEMENT *y, struct room *room) {
    float *scales = NAME(spread)(scale, shape, room->floats);
    float *shifts = NAME(spread)(shift, shape, room->floats + shape.lanes);
    ELEMENT *rows = room->rows, *out = rows + 2 * shape.lanes;
    NAME(affine)(x, shape, scales, shifts, shortcut, relu, y);
    if (!shape.rest) return;
    const ELEMENT *rest = NAME(rest_of)(x, shape, x, rows);
    const ELEMENT *other = NAME(rest_of)(shortcut, shape, NULL, rows + shape.lanes);
    NAME(affine)(rest, one_row(shape), scales, shifts, other, relu, out);
    memcpy(y + shape.rows * shape.lanes, out, shape.rest * sizeof(ELEMENT));
}

/* Forward. `done` (4, channels) takes what was done, for the way back: mean, inverse deviation, scale and shift. Running
   statistics take in the batch's, the variance as an unbiased estimate, where they are given. */
int NAME(norm_forward)(const ELEMENT *x, long pixels, long channels, const float *gamma, const float *beta,
                       double epsilon, double momentum, float *running_mean, float *running_variance,
                       const ELEMENT *shortcut, int relu, ELEMENT *y, float *done) {
    float *mean = done, *inverse_deviation = mean + channels, *scale = inverse_deviation + channels;
    float *shift = scale + channels;
    struct shape shape = shape_of(pixels, channels, sizeof(ELEMENT));
    struct room room;
    if (!take(&room, shape, sizeof(ELEMENT))) return -1;
    float *pivot = room.floats;
    for (long element = 0; element < shape.lanes; element++)
        pivot[NAME(lane_of)(element)] = NAME(value)(x[element % channels]);
    NAME(moments)(x, shape, pivot, room.first, room.second);
    const ELEMENT *rest = NAME(rest_of)(x, shape, x, room.rows);
    if (shape.rest) NAME(moments)(rest, one_row(shape), pivot, room.first, room.second);
    for (long c = 0; c < channels; c++) {
        double from_pivot = NAME(folded)(room.first, shape, c) / pixels;
        double variance = NAME(folded)(room.second, shape, c) / pixels - from_pivot * from_pivot;
        if (variance < 0) variance = 0;
        mean[c] = (float)(NAME(value)(x[c]) + from_pivot);
        inverse_deviation[c] = (float)(1 / sqrt(variance + epsilon));
        scale[c] = gamma[c] * inverse_deviation[c];
        shift[c] = beta[c] - mean[c] * scale[c];
        if (running_mean) {
            running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean[c]);
            running_variance[c] =
                (float)((1 - momentum) * running_variance[c] + momentum * variance * pixels / (pixels - 1));
        }
    }
    NAME(affine_whole)(x, shape, scale, shift, shortcut, relu, y, &room);
    free(room.all);
    return 0;
}

/* y = x * scale + shift (+ shortcut), then ReLU if asked: BatchNorm by other statistics than the batch's. y may be x. */
int NAME(norm_apply)(const ELEMENT *x, long pixels, long channels, const float *scale, const float *shift,
                     const ELEMENT *shortcut, int relu, ELEMENT *y) {
    struct shape shape = shape_of(pixels, channels, sizeof(ELEMENT));
    struct room room;
    if (!take(&room, shape, sizeof(ELEMENT))) return -1;
    NAME(affine_whole)(x, shape, scale, shift, shortcut, relu, y, &room);
    free(room.all);
    return 0;
}

/* Backward. Where a shortcut was added before ReLU, `y` is its output, to which a second gradient may have come back in
   `other`, and `masked` takes the gradient of the shortcut; else these are NULL. `grad_x` is NULL where nobody needs it. */
int NAME(norm_backward)(const ELEMENT *grad, const ELEMENT *other, const ELEMENT *x, const ELEMENT *y, long pixels, long channels,
                        const float *done, int relu, ELEMENT *masked, ELEMENT *grad_x, float *grad_gamma,
                        float *grad_beta) {
    const float *mean = done, *inverse_deviation = mean + channels, *scale = inverse_deviation + channels;
    const float *shift = scale + channels;
    struct shape shape = shape_of(pixels, channels, sizeof(ELEMENT));
    struct room room;
    if (!take(&room, shape, sizeof(ELEMENT))) return -1;
    long lanes = shape.lanes, whole = shape.rows * lanes;
    float *scales = NAME(spread)(scale, shape, room.floats), *shifts = NAME(spread)(shift, shape, room.floats + lanes);
    float *means = NAME(spread)(mean, shape, room.floats + 2 * lanes);
    ELEMENT *rows = room.rows;
    const ELEMENT *rest_grad = NAME(rest_of)(grad, shape, NULL, rows), *rest = NAME(rest_of)(x, shape, x, rows + lanes);
    const ELEMENT *rest_y = NAME(rest_of)(y, shape, NULL, rows + 2 * lanes);
    const ELEMENT *rest_other = NAME(rest_of)(other, shape, NULL, rows + 5 * lanes);
    ELEMENT *rest_masked = masked ? rows + 3 * lanes : NULL;
    NAME(reduce)(grad, other, x, y, shape, scales, shifts, means, relu, masked, room.first, room.second);
    if (shape.rest) {
        NAME(reduce)(rest_grad, rest_other, rest, rest_y, one_row(shape), scales, shifts, means, relu, rest_masked, room.first,
                     room.second);
        if (masked) memcpy(masked + whole, rest_masked, shape.rest * sizeof(ELEMENT));
    }
    float slope[channels], offset[channels];
    for (long c = 0; c < channels; c++) {
        double sum = NAME(folded)(room.first, shape, c), product = NAME(folded)(room.second, shape, c) * inverse_deviation[c];
        grad_beta[c] = (float)sum;
        grad_gamma[c] = (float)product;
        double steep = -scale[c] * inverse_deviation[c] * product / pixels;
        slope[c] = (float)steep;
        offset[c] = (float)(-scale[c] * sum / pixels - steep * mean[c]);
    }
    if (grad_x) {
        float *slopes = NAME(spread)(slope, shape, room.floats + 2 * lanes);
        float *offsets = NAME(spread)(offset, shape, room.floats + 3 * lanes);
        NAME(back)(masked ? masked : grad, x, shape, scales, shifts, slopes, offsets, relu && !masked, grad_x);
        if (shape.rest) {
            ELEMENT *out = rows + 4 * lanes;
            NAME(back)(masked ? rest_masked : rest_grad, rest, one_row(shape), scales, shifts, slopes, offsets,
                       relu && !masked, out);
            memcpy(grad_x + whole, out, shape.rest * sizeof(ELEMENT));
        }
    }
    free(room.all);
    return 0;
}
