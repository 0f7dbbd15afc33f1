/* The gradient of single entries of a convolution's weight: for each, the product of an output channel's gradient with an
   input channel that is shifted by the entry's place in the kernel. Included as norm.c is.

   Image by image, both are turned from channels-last into planes of one channel each, so that an entry is the product of
   two stretches of memory. Where the convolution strides, pixels that a stride visits together lie in one plane. */

/* One image (height, width, channels) as padded planes, or every `step`-th of its pixels from (down, right) on. Plane c
   starts at `planes + c * size`, its rows are `row` apart. Stores whole vectors: what follows a row's end becomes 0, or
   is stored again by the next row. */
static void NAME(to_planes)(const ELEMENT *image, long height, long width, long channels, long step, long down,
                            long right, float *planes, long size, long row) {
    for (long y = down; y < height; y += step, planes += row)
        for (long x = right, column = 0; x < width; x += step * LANES, column += LANES) {
            const ELEMENT *pixels = image + (y * width + x) * channels;
            long count = smaller(LANES, (width - x + step - 1) / step), channel = 0;
            for (; channel + LANES <= channels; channel += LANES) {
                floats block[LANES] = {0};
                for (long i = 0; i < count; i++) block[i] = LOAD(pixels + i * step * channels + channel);
                transpose(block);
                for (long i = 0; i < LANES; i++) store_float(planes + (channel + i) * size + column, block[i]);
            }
            for (; channel < channels; channel++) {
                float *to = planes + channel * size + column;
                for (long i = 0; i < LANES; i++)
                    to[i] = i < count ? NAME(value)(pixels[i * step * channels + channel]) : 0;
            }
        }
}

/* `entries` (number,) are flat positions in a weight (out_channels, in_channels, kernel, kernel); the kernel is padded by
   half. `in` is (images, height, width, in_channels), `grad` (images, out_height, out_width, out_channels). */
int NAME(entry_gradients)(const ELEMENT *in, const ELEMENT *grad, long images, long height, long width,
                          long in_channels, long out_height, long out_width, long out_channels, long kernel, long step,
                          const int64_t *entries, long number, float *gradients) {
    long padding = kernel / 2, row = (width + 2 * padding + step - 1) / step;
    long rows = (height + 2 * padding + step - 1) / step, phases = step < kernel ? step : kernel;
    /* Small images follow one another in a plane, so that a stretch is worth its while; between them the gradient is 0. */
    long image_size = rows * row, group = smaller(images, 1 + GROUP_FLOATS / (image_size * in_channels));
    long size = group * image_size + row + 2 * LANES, phase_size = size * in_channels;
    long in_floats = phases * phases * phase_size;
    float *in_planes = calloc(in_floats + size * out_channels, sizeof(float)), *out_planes = in_planes + in_floats;
    double *sums = calloc(number, LANES * sizeof(double));
    long *starts = calloc(number, 2 * sizeof(long));
    if (!in_planes || !sums || !starts) {
        free(in_planes);
        free(sums);
        free(starts);
        return -1;
    }
    for (long e = 0; e < number; e++) {
        long place = entries[e] % (kernel * kernel), down = place / kernel, right = place % kernel;
        long channel = entries[e] / (kernel * kernel) % in_channels, phase = down % step * phases + right % step;
        starts[2 * e] = phase * phase_size + channel * size + down / step * row + right / step;
        starts[2 * e + 1] = entries[e] / (kernel * kernel * in_channels) * size;
    }
    for (long first = 0; first < images; first += group) {
        long count = smaller(group, images - first);
        if (count < group) memset(out_planes, 0, size * out_channels * sizeof(float));
        for (long image = 0; image < count; image++) {
            const ELEMENT *image_in = in + (first + image) * height * width * in_channels;
            const ELEMENT *image_grad = grad + (first + image) * out_height * out_width * out_channels;
            for (long phase = 0; phase < phases * phases; phase++) {
                /* The first pixel that this phase visits, and where it stands in the padded image of the phase. */
                long down = phase / phases - padding, right = phase % phases - padding, above = 0, left = 0;
                for (; down < 0; down += step) above++;
                for (; right < 0; right += step) left++;
                NAME(to_planes)(image_in, height, width, in_channels, step, down, right,
                                in_planes + phase * phase_size + image * image_size + above * row + left, size, row);
            }
            NAME(to_planes)(image_grad, out_height, out_width, out_channels, 1, 0, 0,
                            out_planes + image * image_size, size, row);
        }
        long length = (count - 1) * image_size + (out_height - 1) * row + out_width;
        for (long e = 0; e < number; e++) {
            const float *a = in_planes + starts[2 * e], *b = out_planes + starts[2 * e + 1];
            floats sum[VECTORS] = {0};
            long at = 0;
            for (; at + TILE <= length; at += TILE)
                for (int v = 0; v < VECTORS; v++)
                    sum[v] += load_float(a + at + v * LANES) * load_float(b + at + v * LANES);
            for (; at < length; at += LANES) sum[0] += load_float(a + at) * load_float(b + at);
            add_to(sums + e * LANES, (sum[0] + sum[1]) + (sum[2] + sum[3]));
        }
    }
    for (long e = 0; e < number; e++) {
        double sum = 0;
        for (int lane = 0; lane < LANES; lane++) sum += sums[e * LANES + lane];
        gradients[e] = (float)sum;
    }
    free(in_planes);
    free(sums);
    free(starts);
    return 0;
}
