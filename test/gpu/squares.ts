// Run in a process of its own by swiftshader.test.ts: the squares of 0 to 99 on the adapter that 'auto' finds.
// Prints { driver, software, squares } as JSON.

import { platform } from '#platform';

const COUNT = 100;
const STORAGE = 128;
const COPY_SRC = 4;
const COPY_DST = 8;
const MAP_READ = 1;

const found = await platform.findAdapter('auto', {});
const device = await found.adapter.requestDevice();
const module = device.createShaderModule({
  code: `
    @group(0) @binding(0) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(32)
    fn square(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&y)) { y[id.x] = f32(id.x * id.x); }
    }`,
});
const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
const y = device.createBuffer({ size: 4 * COUNT, usage: STORAGE | COPY_SRC });
const copy = device.createBuffer({ size: 4 * COUNT, usage: COPY_DST | MAP_READ });
const entries = [{ binding: 0, resource: { buffer: y } }];
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
pass.dispatchWorkgroups(Math.ceil(COUNT / 32));
pass.end();
encoder.copyBufferToBuffer(y, 0, copy, 0, 4 * COUNT);
device.queue.submit([encoder.finish()]);
await copy.mapAsync(MAP_READ);
const squares = [...new Float32Array(copy.getMappedRange())];
console.log(JSON.stringify({ driver: found.driver, software: found.software, squares }));
