// Measures how fast ONNX Runtime reads prompts, in the words of examples/bench:
//
//   ORT_HOME=DIR ort.mjs -onnx MODEL.onnx -p 512 -threads 1,2 -r 5
//
// MODEL is what onnx_llama.py writes, DIR has the package onnxruntime-node. Prints JSON lines with test, depth,
// threads, tok_s, as llama.py does.
import { createRequire } from 'node:module';
const ort = createRequire(process.env.ORT_HOME + '/')('onnxruntime-node');

const flags = {};
for (let i = 2; i < process.argv.length; i += 2) flags[process.argv[i].slice(1)] = process.argv[i + 1];
const numbers = s => s.split(',').map(Number).filter(n => n > 0);
const int32 = (n, shape) => new ort.Tensor('int32', Int32Array.of(n), shape);

for (const threads of numbers(flags.threads)) {
  const session = await ort.InferenceSession.create(flags.onnx, { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all' });
  const read = async n => {
    const ids = BigInt64Array.from({ length: n }, () => BigInt(Math.floor(Math.random() * 49152)));
    const feeds = { input_ids: new ort.Tensor('int64', ids, [1, n]), seqlens_k: int32(n - 1, [1]), total_len: int32(n, []) };
    for (const name of session.inputNames) feeds[name] ??= new ort.Tensor('float32', new Float32Array(0), [1, 3, 0, 64]);
    const begin = performance.now();
    await session.run(feeds);
    return n / (performance.now() - begin) * 1000;
  };
  for (const n of numbers(flags.p)) {
    await read(n);
    for (let i = 0; i < Number(flags.r); i++) console.log(JSON.stringify({ test: 'pp' + n, depth: 0, threads, tok_s: await read(n) }));
  }
  await session.release();
}
