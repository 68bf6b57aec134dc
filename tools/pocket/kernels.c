// The parts of a training step that are no matrix products, each one pass over memory.
// Streams are float, everything else is bfloat16. Built by kernels.py.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint16_t bf16;

static inline float load(bf16 x) {
	union { uint32_t u; float f; } v = {(uint32_t)x << 16};
	return v.f;
}

static inline bf16 store(float x) {
	union { float f; uint32_t u; } v = {x};
	return (v.u + 0x7fff + (v.u >> 16 & 1)) >> 16;
}

// sum = x + y, out = w · sum / rms(sum); y may be absent.
void add_norm(const float *x, const bf16 *y, const float *w, float *sum, float *inverse, bf16 *out, long n, long d, float eps) {
#pragma omp parallel for
	for (long i = 0; i < n; i++) {
		const float *xi = x + i * d;
		float *s = sum + i * d, ss = 0;
		if (y)
			for (long j = 0; j < d; j++) s[j] = xi[j] + load(y[i * d + j]);
		else
			memcpy(s, xi, d * sizeof *s);
		for (long j = 0; j < d; j++) ss += s[j] * s[j];
		float r = inverse[i] = 1 / sqrtf(ss / d + eps);
		for (long j = 0; j < d; j++) out[i * d + j] = store(s[j] * r * w[j]);
	}
}

// dx = dsum + the gradient through the norm; dy is the same in bfloat16; dw is added to.
void add_norm_back(const float *sum, const float *w, const float *inverse, const float *dsum, const bf16 *dout, float *dx, bf16 *dy, float *dw, long n, long d) {
#pragma omp parallel
	{
		float *mine = calloc(d, sizeof *mine);
#pragma omp for
		for (long i = 0; i < n; i++) {
			const float *s = sum + i * d;
			const bf16 *g = dout + i * d;
			float r = inverse[i], dot = 0;
			for (long j = 0; j < d; j++) dot += load(g[j]) * w[j] * s[j];
			dot *= r * r * r / d;
			for (long j = 0; j < d; j++) {
				float gj = load(g[j]);
				mine[j] += gj * s[j] * r;
				float v = gj * w[j] * r - s[j] * dot;
				if (dsum) v += dsum[i * d + j];
				dx[i * d + j] = v;
				dy[i * d + j] = store(v);
			}
		}
#pragma omp critical
		for (long j = 0; j < d; j++) dw[j] += mine[j];
		free(mine);
	}
}

// qkv [rows][tokens][(heads + 2·kv)·dim] with its bias becomes q [rows][kv][tokens][group][dim], turned and
// scaled, k [rows][kv][tokens][dim], turned, and v likewise, not turned. cos and sin are [rows][tokens][dim/2].
// With back set, gradients go the other way, and the bias's is added to.
void rope(bf16 *qkv, float *bias, const float *cosine, const float *sine, bf16 *q, bf16 *k, bf16 *v, long rows, long tokens, long heads, long kv, long dim, int back) {
	long group = heads / kv, half = dim / 2, width = (heads + 2 * kv) * dim;
	float scale = 1 / sqrtf(dim);
#pragma omp parallel
	{
		float *mine = calloc(width, sizeof *mine);
#pragma omp for collapse(2)
		for (long b = 0; b < rows; b++)
			for (long t = 0; t < tokens; t++)
				for (long h = 0; h < heads + 2 * kv; h++) {
					bf16 *x = qkv + (b * tokens + t) * width + h * dim, *y;
					float *bi = (back ? mine : bias) + h * dim, m = 1;
					const float *co = cosine + (b * tokens + t) * half, *si = sine + (b * tokens + t) * half;
					if (h < heads) {
						y = q + (((b * kv + h / group) * tokens + t) * group + h % group) * dim;
						m = scale;
					} else if (h < heads + kv) {
						y = k + ((b * kv + h - heads) * tokens + t) * dim;
					} else {
						y = v + ((b * kv + h - heads - kv) * tokens + t) * dim;
						for (long j = 0; j < dim; j++)
							if (back) {
								x[j] = y[j];
								bi[j] += load(y[j]);
							} else {
								y[j] = store(load(x[j]) + bi[j]);
							}
						continue;
					}
					for (long j = 0; j < half; j++) {
						float c = co[j] * m, s = si[j] * m;
						if (back) {
							float a = load(y[j]), e = load(y[j + half]);
							float u = a * c + e * s, w = e * c - a * s;
							x[j] = store(u), x[j + half] = store(w);
							bi[j] += u, bi[j + half] += w;
						} else {
							float a = load(x[j]) + bi[j], e = load(x[j + half]) + bi[j + half];
							y[j] = store(a * c - e * s), y[j + half] = store(e * c + a * s);
						}
					}
				}
		if (back) {
#pragma omp critical
			for (long j = 0; j < width; j++) bias[j] += mine[j];
		}
		free(mine);
	}
}

// In place, w [n][queries·group][keys]: row r belongs to query r/group, which sees the first lo + r/group + 1 keys.
void softmax(bf16 *w, long n, long queries, long group, long keys, long lo) {
#pragma omp parallel
	{
		float *x = malloc(keys * sizeof *x);
#pragma omp for
		for (long i = 0; i < n * queries * group; i++) {
			bf16 *p = w + i * keys;
			long m = lo + i % (queries * group) / group + 1;
			float most = -1e30f, sum = 0;
			for (long j = 0; j < m; j++) x[j] = load(p[j]);
			for (long j = 0; j < m; j++) most = x[j] > most ? x[j] : most;
			for (long j = 0; j < m; j++) x[j] = expf(x[j] - most);
			for (long j = 0; j < m; j++) sum += x[j];
			for (long j = 0; j < m; j++) p[j] = store(x[j] / sum);
			memset(p + m, 0, (keys - m) * sizeof *p);
		}
		free(x);
	}
}

// In place, d = p · (d − Σ p·d), row by row.
void softmax_back(const bf16 *p, bf16 *d, long n, long queries, long group, long keys, long lo) {
#pragma omp parallel for
	for (long i = 0; i < n * queries * group; i++) {
		const bf16 *pi = p + i * keys;
		bf16 *di = d + i * keys;
		long m = lo + i % (queries * group) / group + 1;
		float dot = 0;
		for (long j = 0; j < m; j++) dot += load(pi[j]) * load(di[j]);
		for (long j = 0; j < m; j++) di[j] = store(load(pi[j]) * (load(di[j]) - dot));
		memset(di + m, 0, (keys - m) * sizeof *di);
	}
}

// out = silu(gate) · up, with gate and up side by side in x [n][2·d].
void swiglu(const bf16 *x, bf16 *out, long n, long d) {
#pragma omp parallel for
	for (long i = 0; i < n; i++)
		for (long j = 0; j < d; j++) {
			float g = load(x[i * 2 * d + j]), u = load(x[i * 2 * d + d + j]);
			out[i * d + j] = store(g / (1 + expf(-g)) * u);
		}
}

void swiglu_back(const bf16 *x, const bf16 *dout, bf16 *dx, long n, long d) {
#pragma omp parallel for
	for (long i = 0; i < n; i++)
		for (long j = 0; j < d; j++) {
			float g = load(x[i * 2 * d + j]), u = load(x[i * 2 * d + d + j]), o = load(dout[i * d + j]);
			float s = 1 / (1 + expf(-g));
			dx[i * 2 * d + j] = store(o * u * s * (1 + g * (1 - s)));
			dx[i * 2 * d + d + j] = store(o * g * s);
		}
}

// The loss of each row of logits x [n][vocab], which become their gradient for a loss that weighs row i by weight[i].
void cross_entropy(bf16 *x, const int64_t *target, const float *weight, float *loss, long n, long vocab) {
#pragma omp parallel
	{
		float *e = malloc(vocab * sizeof *e);
#pragma omp for
		for (long i = 0; i < n; i++) {
			bf16 *xi = x + i * vocab;
			float most = -1e30f, sum = 0, at = load(xi[target[i]]);
			for (long j = 0; j < vocab; j++) e[j] = load(xi[j]);
			for (long j = 0; j < vocab; j++) most = e[j] > most ? e[j] : most;
			for (long j = 0; j < vocab; j++) e[j] = expf(e[j] - most);
			for (long j = 0; j < vocab; j++) sum += e[j];
			loss[i] = logf(sum) + most - at;
			float s = weight[i] / sum;
			long t = target[i];
			for (long j = 0; j < vocab; j++) xi[j] = store(e[j] * s);
			xi[t] = store(e[t] * s - weight[i]);
		}
		free(e);
	}
}
