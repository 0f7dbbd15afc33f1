/* BatchNorm over a batch, the sum with a shortcut, and ReLU; forward and backward.

   Included once for each type of element: ELEMENT, LOAD, STORE and NAME(x) say which. What is left after the last whole row
   is copied into a row of its own, padded so that it adds nothing to any sum. */

/* Sums over the pixels of x - pivot and of its square, by lane. */
static void NAME(moments)(const ELEMENT *x, struct shape shape, const float *pivot, double *sums, double *squares) {
    for (long start = 0; start < shape.rows; start += shape.chunk) {
        long end = smaller(start + shape.chunk, shape.rows);
        for (long lane = 0; lane < shape.lanes; lane += TILE) {
            floats sum[VECTORS] = {0}, square[VECTORS] = {0};
            for (long row = start; row < end; row++)
                for (int v = 0; v < VECTORS; v++) {
                    long own = lane + v * LANES;
                    floats distance = LOAD(x + row * shape.lanes + own) - load_float(pivot + own);
                    sum[v] += distance;
                    square[v] += distance * distance;
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
    for (long row = shape.rows - 1; row >= 0; row--)
        for (long lane = 0; lane < shape.lanes; lane += TILE)
            for (int v = 0; v < VECTORS; v++) {
                long own = lane + v * LANES, at = row * shape.lanes + own;
                floats value = LOAD(x + at) * load_float(scale + own) + load_float(shift + own);
                if (shortcut) value += LOAD(shortcut + at);
                if (relu) value = without(value, value < 0);
                STORE(y + at, value);
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
            for (long row = start; row < end; row++)
                for (int v = 0; v < VECTORS; v++) {
                    long own = lane + v * LANES, at = row * shape.lanes + own;
                    floats input = LOAD(x + at), value = LOAD(grad + at);
                    if (other) value += LOAD(other + at);
                    if (relu) {
                        floats output = y ? LOAD(y + at) : input * load_float(scale + own) + load_float(shift + own);
                        value = without(value, output <= 0);
                    }
                    if (masked) STORE(masked + at, value);
                    sum[v] += value;
                    product[v] += value * (input - load_float(mean + own));
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
    for (long row = shape.rows - 1; row >= 0; row--)
        for (long lane = 0; lane < shape.lanes; lane += TILE)
            for (int v = 0; v < VECTORS; v++) {
                long own = lane + v * LANES, at = row * shape.lanes + own;
                floats input = LOAD(x + at), value = LOAD(grad + at), factor = load_float(scale + own);
                if (relu) value = without(value, input * factor + load_float(shift + own) <= 0);
                value = value * factor + (input * load_float(slope + own) + load_float(offset + own));
                STORE(grad_x + at, value);
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
    ELEMENT *rows = room.rows;
    float *pivot = room.floats;
    for (long lane = 0; lane < shape.lanes; lane++) pivot[lane] = NAME(value)(x[lane % channels]);
    NAME(moments)(x, shape, pivot, room.first, room.second);
    const ELEMENT *rest = NAME(rest_of)(x, shape, x, rows);
    if (shape.rest) NAME(moments)(rest, one_row(shape), pivot, room.first, room.second);
    for (long c = 0; c < channels; c++) {
        double from_pivot = folded(room.first, shape, c) / pixels;
        double variance = folded(room.second, shape, c) / pixels - from_pivot * from_pivot;
        if (variance < 0) variance = 0;
        mean[c] = (float)(pivot[c] + from_pivot);
        inverse_deviation[c] = (float)(1 / sqrt(variance + epsilon));
        scale[c] = gamma[c] * inverse_deviation[c];
        shift[c] = beta[c] - mean[c] * scale[c];
        if (running_mean) {
            running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean[c]);
            running_variance[c] =
                (float)((1 - momentum) * running_variance[c] + momentum * variance * pixels / (pixels - 1));
        }
    }
    float *scales = spread(scale, shape, room.floats), *shifts = spread(shift, shape, room.floats + shape.lanes);
    NAME(affine)(x, shape, scales, shifts, shortcut, relu, y);
    if (shape.rest) {
        const ELEMENT *other = NAME(rest_of)(shortcut, shape, NULL, rows + shape.lanes);
        ELEMENT *out = rows + 2 * shape.lanes;
        NAME(affine)(rest, one_row(shape), scales, shifts, other, relu, out);
        memcpy(y + shape.rows * shape.lanes, out, shape.rest * sizeof(ELEMENT));
    }
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
    float *scales = spread(scale, shape, room.floats), *shifts = spread(shift, shape, room.floats + lanes);
    float *means = spread(mean, shape, room.floats + 2 * lanes);
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
        double sum = folded(room.first, shape, c), product = folded(room.second, shape, c) * inverse_deviation[c];
        grad_beta[c] = (float)sum;
        grad_gamma[c] = (float)product;
        double steep = -scale[c] * inverse_deviation[c] * product / pixels;
        slope[c] = (float)steep;
        offset[c] = (float)(-scale[c] * sum / pixels - steep * mean[c]);
    }
    if (grad_x) {
        float *slopes = spread(slope, shape, room.floats + 2 * lanes);
        float *offsets = spread(offset, shape, room.floats + 3 * lanes);
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
