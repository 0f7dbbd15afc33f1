/* Images on their way into a network. */

/* Of each chosen image (channels, side, side) of a set, a window of the same size out of the image with `pad` black pixels
   around it, its upper left corner `down` and `right`; from right to left where it is mirrored. Channels-last. */
void cropped(const uint8_t *images, const int64_t *chosen, const int64_t *down, const int64_t *right,
             const uint8_t *mirrored, long number, long channels, long height, long width, long pad, uint8_t *out) {
    for (long image = 0; image < number; image++)
        for (long y = 0; y < height; y++)
            for (long x = 0; x < width; x++, out += channels) {
                long from_y = y + down[image] - pad, across = mirrored[image] ? width - 1 - x : x;
                long from_x = across + right[image] - pad;
                int inside = 0 <= from_y && from_y < height && 0 <= from_x && from_x < width;
                long from = (chosen[image] * channels * height + from_y) * width + from_x;
                for (long c = 0; c < channels; c++) out[c] = inside ? images[from + c * height * width] : 0;
            }
}

/* Each value of pixels (number, channels) by the table (channels, 256). */
void looked_up(const uint8_t *pixels, long number, long channels, const float *table, float *out) {
    for (long pixel = 0; pixel < number; pixel++)
        for (long c = 0; c < channels; c++) *out++ = table[c * 256 + *pixels++];
}
