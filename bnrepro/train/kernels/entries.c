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
    long in_size = (rows + 1) * row + 2 * LANES, out_size = (out_height + 1) * row + 2 * LANES;
    long phase_size = in_size * in_channels;
    float *in_planes = calloc(phases * phases * phase_size + out_size * out_channels, sizeof(float));
    double *sums = calloc(number, sizeof(double));
    if (!in_planes || !sums) {
        free(in_planes);
        free(sums);
        return -1;
    }
    float *out_planes = in_planes + phases * phases * phase_size;
    for (long image = 0; image < images; image++) {
        for (long phase = 0; phase < phases * phases; phase++) {
            /* The first pixel that this phase visits, and where it stands in the padded image of the phase. */
            long down = phase / phases - padding, right = phase % phases - padding, above = 0, left = 0;
            for (; down < 0; down += step) above++;
            for (; right < 0; right += step) left++;
            NAME(to_planes)(in + image * height * width * in_channels, height, width, in_channels, step, down, right,
                            in_planes + phase * phase_size + above * row + left, in_size, row);
        }
        NAME(to_planes)(grad + image * out_height * out_width * out_channels, out_height, out_width, out_channels, 1, 0,
                        0, out_planes, out_size, row);
        for (long e = 0; e < number; e++) {
            long place = entries[e] % (kernel * kernel), down = place / kernel, right = place % kernel;
            long channel = entries[e] / (kernel * kernel) % in_channels;
            long phase = down % step * phases + right % step;
            const float *a = in_planes + phase * phase_size + channel * in_size + down / step * row + right / step;
            const float *b = out_planes + entries[e] / (kernel * kernel * in_channels) * out_size;
            floats sum[VECTORS] = {0};
            long length = (out_height - 1) * row + out_width, at = 0;
            for (; at + TILE <= length; at += TILE)
                for (int v = 0; v < VECTORS; v++)
                    sum[v] += load_float(a + at + v * LANES) * load_float(b + at + v * LANES);
            for (; at < length; at += LANES) sum[0] += load_float(a + at) * load_float(b + at);
            floats total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            for (int lane = 0; lane < LANES; lane++) sums[e] += (double)total[lane];
        }
    }
    for (long e = 0; e < number; e++) gradients[e] = (float)sums[e];
    free(in_planes);
    free(sums);
    return 0;
}
