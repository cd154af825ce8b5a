var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __knownSymbol = (name, symbol) => (symbol = Symbol[name]) ? symbol : /* @__PURE__ */ Symbol.for("Symbol." + name);
var __typeError = (msg) => {
  throw TypeError(msg);
};
var __esm = (fn, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};
var __export = (target2, all) => {
  for (var name in all)
    __defProp(target2, name, { get: all[name], enumerable: true });
};
var __using = (stack2, value, async) => {
  if (value != null) {
    if (typeof value !== "object" && typeof value !== "function") __typeError("Object expected");
    var dispose, inner;
    if (async) dispose = value[__knownSymbol("asyncDispose")];
    if (dispose === void 0) {
      dispose = value[__knownSymbol("dispose")];
      if (async) inner = dispose;
    }
    if (typeof dispose !== "function") __typeError("Object not disposable");
    if (inner) dispose = function() {
      try {
        inner.call(this);
      } catch (e) {
        return Promise.reject(e);
      }
    };
    stack2.push([async, dispose, value]);
  } else if (async) {
    stack2.push([async]);
  }
  return value;
};
var __callDispose = (stack2, error, hasError) => {
  var E = typeof SuppressedError === "function" ? SuppressedError : function(e, s, m, _) {
    return _ = Error(m), _.name = "SuppressedError", _.error = e, _.suppressed = s, _;
  };
  var fail = (e) => error = hasError ? new E(e, error, "An error was suppressed during disposal") : (hasError = true, e);
  var next = (it) => {
    while (it = stack2.pop()) {
      try {
        var result2 = it[1] && it[1].call(it[2]);
        if (it[0]) return Promise.resolve(result2).then(next, (e) => (fail(e), next()));
      } catch (e) {
        fail(e);
      }
    }
    if (hasError) throw error;
  };
  return next();
};

// src/errors.ts
var ShadegradError, ShapeError, DTypeError, LimitError, OutOfMemoryError, DeviceLostError, DeviceError, TensorError, CaptureError, KernelError, DataError, CheckpointError, ConfigError;
var init_errors = __esm({
  "src/errors.ts"() {
    "use strict";
    ShadegradError = class extends Error {
      name = "ShadegradError";
    };
    ShapeError = class extends ShadegradError {
      name = "ShapeError";
    };
    DTypeError = class extends ShadegradError {
      name = "DTypeError";
    };
    LimitError = class extends ShadegradError {
      name = "LimitError";
    };
    OutOfMemoryError = class extends ShadegradError {
      name = "OutOfMemoryError";
    };
    DeviceLostError = class extends ShadegradError {
      name = "DeviceLostError";
    };
    DeviceError = class extends ShadegradError {
      name = "DeviceError";
    };
    TensorError = class extends ShadegradError {
      name = "TensorError";
    };
    CaptureError = class extends ShadegradError {
      name = "CaptureError";
    };
    KernelError = class extends ShadegradError {
      name = "KernelError";
    };
    DataError = class extends ShadegradError {
      name = "DataError";
    };
    CheckpointError = class extends ShadegradError {
      name = "CheckpointError";
    };
    ConfigError = class extends ShadegradError {
      name = "ConfigError";
    };
  }
});

// src/gpu/store_node.ts
import { randomUUID } from "node:crypto";
import { lstat, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
async function writeWhole(path, bytes, mode = 384) {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${randomUUID()}`;
  try {
    const file = await open(unfinished, "wx", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
async function cacheRoot() {
  const tried = [];
  for (const place2 of CACHE_PLACES) {
    try {
      const folder = place2();
      await mkdir(folder, { recursive: true, mode: 448 });
      await checkOwner(folder);
      return folder;
    } catch (error) {
      tried.push(error);
    }
  }
  throw new DeviceError(
    `no cache folder could be made (${tried.join("; ")}); set XDG_CACHE_HOME to a folder that can be written`
  );
}
async function checkOwner(folder) {
  if (!process.getuid) return;
  const found = await lstat(folder);
  const own = found.isDirectory() && found.uid === process.getuid() && (found.mode & 18) === 0;
  if (!own) throw new Error(`${folder} can be written by other users`);
  const probe = join(folder, randomUUID());
  await mkdir(probe);
  await rm(probe, { recursive: true });
}
var CACHE_PLACES, store;
var init_store_node = __esm({
  "src/gpu/store_node.ts"() {
    "use strict";
    init_errors();
    CACHE_PLACES = [
      // A user without a name in the system and without HOME has no home folder: homedir() throws.
      () => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "shadegrad"),
      () => join(tmpdir(), `shadegrad-${process.getuid?.() ?? ""}`)
    ];
    store = {
      async read(name) {
        for (const place2 of CACHE_PLACES) {
          try {
            return await readFile(join(place2(), name), "utf8");
          } catch {
          }
        }
        return null;
      },
      async write(name, text) {
        const path = join(await cacheRoot(), name);
        await writeWhole(path, new TextEncoder().encode(text));
        return path;
      }
    };
  }
});

// src/gpu/archive.ts
import { existsSync, readFileSync } from "node:fs";
import { readFile as readFile2 } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname as dirname2, join as join2 } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
function chromiumPackage() {
  let folder;
  try {
    folder = dirname2(createRequire(import.meta.url).resolve("@sparticuz/chromium"));
  } catch {
    return null;
  }
  while (!existsSync(join2(folder, "bin"))) {
    if (dirname2(folder) === folder) return null;
    folder = dirname2(folder);
  }
  const { version } = JSON.parse(readFileSync(join2(folder, "package.json"), "utf8"));
  return { folder, version };
}
async function readBrotli(path) {
  return promisify(brotliDecompress)(await readFile2(path));
}
function* tarFiles(archive) {
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + BLOCK);
    const path = [tarText(header, 345, 155), tarText(header, 0, 100)].filter(Boolean).join("/");
    const size = tarOctal(header, 124, 12);
    const kind = tarText(header, 156, 1) || "0";
    checkTarHeader(header, path, kind);
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (bytes.length !== size) {
      throw new DataError(`tar: ${path} has ${size} bytes, the archive ends after ${bytes.length}`);
    }
    if (kind === "0") yield { path, mode: tarOctal(header, 100, 8) & 493, bytes };
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
}
function checkTarHeader(header, path, kind) {
  const sum2 = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum2 !== tarOctal(header, 148, 8)) throw new DataError(`tar: damaged header of ${path}`);
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new DataError(`tar: ${path} leads outside the archive`);
  }
  if (kind !== "0" && kind !== "5") {
    throw new DataError(`tar: ${path} is of type ${kind}; expected a file (0) or a folder (5)`);
  }
}
function tarText(header, start2, length) {
  const field = header.subarray(start2, start2 + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
function tarOctal(header, start2, length) {
  const digits = tarText(header, start2, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new DataError(`tar: '${digits}' is no octal number`);
  return Number.parseInt(digits, 8);
}
async function cached(name, needed, files) {
  const folder = join2(await cacheRoot(), name);
  if (needed.every((path) => existsSync(join2(folder, path)))) return folder;
  for await (const file of files())
    await writeWhole(join2(folder, file.path), file.bytes, file.mode);
  return folder;
}
var BLOCK;
var init_archive = __esm({
  "src/gpu/archive.ts"() {
    "use strict";
    init_errors();
    init_store_node();
    BLOCK = 512;
  }
});

// src/gpu/swiftshader.ts
var swiftshader_exports = {};
__export(swiftshader_exports, {
  loadLibrary: () => loadLibrary,
  swiftShader: () => swiftShader,
  swiftShaderMissing: () => swiftShaderMissing
});
import { constants } from "node:os";
import { join as join3 } from "node:path";
function swiftShaderMissing() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `SwiftShader is packaged for Linux on x86-64 only, this is ${process.platform} on ${process.arch}`;
  }
  if (chromiumPackage()) return null;
  return "SwiftShader comes with an npm package that is not installed: npm install @sparticuz/chromium@147.0.0";
}
function swiftShader() {
  unpacked ??= unpack();
  return unpacked;
}
async function unpack() {
  const source = chromiumPackage();
  const missing = swiftShaderMissing();
  if (missing || !source) throw new DeviceError(`swiftshader: ${missing}`);
  const needed = [DRIVER_FILE, LOADER, "libvk_swiftshader.so"];
  const folder = await cached(`swiftshader-${source.version}`, needed, async function* () {
    const archive = await readBrotli(join3(source.folder, "bin/swiftshader.tar.br"));
    for (const file of tarFiles(archive)) if (needed.includes(file.path)) yield file;
  });
  return { driverFile: join3(folder, DRIVER_FILE), loader: join3(folder, LOADER) };
}
function loadLibrary(path) {
  const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | NODELETE;
  try {
    process.dlopen({ exports: {} }, path, flags);
  } catch (error) {
    const message = String(error);
    return message.includes("did not self-register") ? null : message;
  }
  return null;
}
var DRIVER_FILE, LOADER, NODELETE, unpacked;
var init_swiftshader = __esm({
  "src/gpu/swiftshader.ts"() {
    "use strict";
    init_errors();
    init_archive();
    DRIVER_FILE = "vk_swiftshader_icd.json";
    LOADER = "libvulkan.so.1";
    NODELETE = 4096;
  }
});

// src/gpu/vulkan_linux.ts
var vulkan_linux_exports = {};
__export(vulkan_linux_exports, {
  missingForHardware: () => missingForHardware,
  systemLoader: () => systemLoader,
  unlistedDriverFiles: () => unlistedDriverFiles,
  vulkanFacts: () => vulkanFacts
});
import { accessSync, constants as constants2, existsSync as existsSync2, readdirSync } from "node:fs";
import { homedir as homedir2 } from "node:os";
import { delimiter, join as join4 } from "node:path";
function missingForHardware(facts) {
  const lines = [];
  if (!facts.loader) {
    lines.push(
      "no Vulkan loader (libvulkan.so.1): apt-get install libvulkan1 (Fedora: dnf install vulkan-loader; Arch: pacman -S vulkan-icd-loader)"
    );
  }
  for (const file of facts.missingFiles) {
    lines.push(`VK_DRIVER_FILES names ${file}, which does not exist: unset VK_DRIVER_FILES`);
  }
  if (!facts.nvidia && facts.renderNodes.length === 0) {
    lines.push(noGpu(facts));
  } else if (facts.nvidia && !facts.driverFiles.some((file) => /nvidia/i.test(file))) {
    lines.push(noNvidiaDriver(facts));
  } else if (!facts.nvidia && !facts.driverFiles.some((file) => !NO_HARDWARE.test(file))) {
    lines.push(
      "no Vulkan driver for the GPU (no ICD file): apt-get install mesa-vulkan-drivers (Fedora: dnf install mesa-vulkan-drivers; Arch: pacman -S vulkan-radeon or vulkan-intel)"
    );
  } else if (!facts.nvidia && !facts.renderAccess) {
    lines.push(
      `${facts.renderNodes[0]} cannot be opened: usermod -aG render "$USER", then log in again`
    );
  }
  return lines;
}
function noGpu({ container }) {
  const seen = "no GPU (/dev/nvidia0, /dev/dri/renderD*) is visible";
  return container ? `${seen} in this container: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all (NVIDIA) or --device /dev/dri (AMD, Intel)` : `${seen} on this machine: a GPU and its kernel driver are needed`;
}
function noNvidiaDriver(facts) {
  const [unlisted] = facts.unlistedFiles;
  if (unlisted) {
    return `NVIDIA's ICD file is where the Vulkan loader does not look: export VK_DRIVER_FILES=${unlisted}`;
  }
  const capabilities = facts.nvidiaCapabilities ?? "utility,compute";
  if (facts.container && !/\b(all|graphics)\b/.test(capabilities)) {
    return `this container has NVIDIA's driver without its graphics part (NVIDIA_DRIVER_CAPABILITIES=${capabilities}): docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all`;
  }
  return "NVIDIA's kernel driver is there, its Vulkan driver (nvidia_icd.json) is not: apt-get install libnvidia-gl-<version that nvidia-smi shows>";
}
function systemLoader() {
  systemLoaderFound ??= loadLibrary("libvulkan.so.1") === null;
  return systemLoaderFound;
}
function vulkanFacts() {
  const named = (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES || "").split(
    delimiter
  );
  const forced = named.filter(Boolean);
  const renderNodes = list("/dev/dri").filter((path) => path.includes("renderD"));
  return {
    loader: systemLoader(),
    driverFiles: forced.length ? forced.filter(existsSync2) : driverFolders().flatMap(list),
    missingFiles: forced.filter((file) => !existsSync2(file)),
    unlistedFiles: unlistedDriverFiles(),
    nvidia: existsSync2("/dev/nvidia0"),
    renderNodes,
    renderAccess: renderNodes.some(canOpen),
    container: existsSync2("/.dockerenv") || existsSync2("/run/.containerenv") || inOrchestrator(),
    nvidiaCapabilities: process.env.NVIDIA_DRIVER_CAPABILITIES
  };
}
function unlistedDriverFiles() {
  return UNLISTED_FOLDERS.flatMap(list).filter((path) => path.endsWith(".json"));
}
function inOrchestrator() {
  return Boolean(process.env.KUBERNETES_SERVICE_HOST || process.env.NVIDIA_VISIBLE_DEVICES);
}
function driverFolders() {
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS, HOME } = process.env;
  const home = HOME ?? homedir2();
  const roots = [
    XDG_CONFIG_HOME || join4(home, ".config"),
    ...(XDG_CONFIG_DIRS || "/etc/xdg").split(delimiter),
    "/etc",
    XDG_DATA_HOME || join4(home, ".local/share"),
    ...(XDG_DATA_DIRS || "/usr/local/share:/usr/share").split(delimiter)
  ];
  return roots.map((root) => join4(root, "vulkan/icd.d"));
}
function list(folder) {
  return existsSync2(folder) ? readdirSync(folder).map((name) => join4(folder, name)) : [];
}
function canOpen(path) {
  try {
    accessSync(path, constants2.R_OK | constants2.W_OK);
    return true;
  } catch {
    return false;
  }
}
var UNLISTED_FOLDERS, NO_HARDWARE, systemLoaderFound;
var init_vulkan_linux = __esm({
  "src/gpu/vulkan_linux.ts"() {
    "use strict";
    init_swiftshader();
    UNLISTED_FOLDERS = ["/usr/local/nvidia/share/vulkan/icd.d"];
    NO_HARDWARE = /lvp_|swiftshader|gfxstream|virtio/;
  }
});

// src/io/experiment.ts
init_errors();

// src/io/config.ts
init_errors();
var POLLUTING = /* @__PURE__ */ new Set(["__proto__", "constructor", "prototype"]);
function resolveSettings(defaults, ...layers) {
  const settings2 = structuredClone(defaults);
  const names = settingNames(defaults);
  for (const layer of layers) {
    if (layer !== void 0) overlay(settings2, layer, "", names);
  }
  return settings2;
}
function overlay(target2, layer, prefix, names) {
  if (!isGroup(layer)) {
    const what = prefix === "" ? "settings" : `"${prefix.slice(0, -1)}"`;
    throw new ConfigError(`${what} must be a group of names and values, but got ${show(layer)}`);
  }
  for (const [key, value] of Object.entries(layer)) {
    const name = prefix + key;
    const dot = key.indexOf(".");
    if (dot > 0) {
      overlay(target2, { [key.slice(0, dot)]: { [key.slice(dot + 1)]: value } }, prefix, names);
      continue;
    }
    if (POLLUTING.has(key) || !Object.hasOwn(target2, key)) throw unknownSetting(name, names);
    if (value === void 0) continue;
    const current = target2[key];
    if (isGroup(current)) {
      overlay(current, value, `${name}.`, names);
    } else {
      requireType(name, value, current);
      target2[key] = structuredClone(value);
    }
  }
}
function unknownSetting(name, names) {
  const asked = POLLUTING.has(name) ? void 0 : nearest(name, names);
  if (asked !== void 0) {
    return new ConfigError(`unknown setting "${name}" (did you mean "${asked}"?)`);
  }
  return new ConfigError(`unknown setting "${name}"; known are ${names.join(", ")}`);
}
function requireType(name, value, example) {
  const expected = typeExpected(value, example);
  if (expected !== null) {
    throw new ConfigError(`${name} is ${show(value)}; expected ${expected}`);
  }
}
function typeExpected(value, example) {
  if (Array.isArray(example)) {
    if (!Array.isArray(value)) return "a list, such as [1, 2]";
    const wrong = value.map((v) => typeExpected(v, example[0] ?? null)).find((e) => e !== null);
    return wrong === void 0 ? null : `every element to be ${wrong}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) return "a finite number";
  if (example === null) {
    const single2 = value === null || ["number", "string", "boolean"].includes(typeof value);
    return single2 ? null : "a single value";
  }
  if (typeof value === typeof example) return null;
  if (typeof example === "number") return "a number";
  if (typeof example === "boolean") return "true or false";
  return typeof value === "object" ? "text" : `text, such as "${value}" with quotes`;
}
function checkSettings(settings2, checks) {
  checkGroup(settings2, checks, "");
  return settings2;
}
function checkGroup(settings2, checks, prefix) {
  for (const [key, check3] of Object.entries(checks)) {
    const value = settings2[key];
    if (isCheck(check3)) {
      if (!check3.accepts(value)) {
        throw new ConfigError(`${prefix}${key} is ${show(value)}; expected ${check3.expected}`);
      }
    } else if (isGroup(check3) && isGroup(value)) {
      checkGroup(value, check3, `${prefix}${key}.`);
    }
  }
}
function isCheck(value) {
  return isGroup(value) && typeof value.accepts === "function";
}
var isFiniteNumber = (v) => typeof v === "number" && Number.isFinite(v);
var positive = {
  expected: "a number above 0",
  accepts: (v) => isFiniteNumber(v) && v > 0
};
var nonNegative = {
  expected: "a number of at least 0",
  accepts: (v) => isFiniteNumber(v) && v >= 0
};
var positiveInteger = {
  expected: "a whole number of at least 1",
  accepts: (v) => Number.isSafeInteger(v) && v >= 1
};
var nonNegativeInteger = {
  expected: "a whole number of at least 0",
  accepts: (v) => Number.isSafeInteger(v) && v >= 0
};
function between(low, high) {
  return {
    expected: `a number from ${low} to ${high}`,
    accepts: (v) => isFiniteNumber(v) && v >= low && v <= high
  };
}
function oneOf(...values) {
  return {
    expected: `one of ${values.map(show).join(", ")}`,
    accepts: (v) => values.includes(v)
  };
}
function listOf(check3) {
  return {
    expected: `a list, each ${check3.expected}`,
    accepts: (v) => Array.isArray(v) && v.length > 0 && v.every(check3.accepts)
  };
}
function nullOr(check3) {
  return {
    expected: `${check3.expected}, or null`,
    accepts: (v) => v === null || check3.accepts(v)
  };
}
function nearest(name, names) {
  const group = names.find((other) => other.endsWith(`.${name}`));
  if (group !== void 0) return group;
  let best;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const other of names) {
    const distance = editDistance(name.toLowerCase(), other.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [other, distance];
  }
  return best;
}
function editDistance(a, b) {
  if (a.length > 100 || b.length > 100) return Number.POSITIVE_INFINITY;
  let before = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, above] = [above, row];
  }
  return above[b.length];
}
function differences(a, b) {
  const names = /* @__PURE__ */ new Set([...settingNames(a), ...settingNames(b)]);
  return [...names].filter((name) => !sameValue(valueAt(a, name), valueAt(b, name)));
}
function settingEntries(settings2, prefix = "") {
  return Object.entries(settings2).flatMap(
    ([key, value]) => isGroup(value) ? settingEntries(value, `${prefix}${key}.`) : [[prefix + key, value]]
  );
}
var settingNames = (settings2) => settingEntries(settings2).map(([name]) => name);
function valueAt(settings2, name) {
  return name.split(".").reduce(
    (value, key) => isGroup(value) && Object.hasOwn(value, key) ? value[key] : void 0,
    settings2
  );
}
function sameValue(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, i) => sameValue(value, b[i]));
  }
  return Object.is(a, b);
}
function isGroup(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
function show(value) {
  if (isGroup(value)) return "a group";
  const text = JSON.stringify(value, (_, v) => typeof v === "number" ? printable(v) : v);
  const shown2 = text ?? String(value);
  return shown2.length > 60 ? `${shown2.slice(0, 57)}...` : shown2;
}
var printable = (value) => Number.isFinite(value) ? value : String(value);

// src/io/float_tensors.ts
init_errors();

// src/tensor/half.ts
var scratch = new DataView(new ArrayBuffer(4));
function floatToHalf(value) {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = bits >>> 16 & 32768;
  const magnitude = bits & 2147483647;
  if (magnitude > 2139095040) return sign | 32256;
  if (magnitude >= 1199566848) return sign | 31744;
  if (magnitude < 947912704) {
    return sign | roundEven(Math.abs(value) * 2 ** 24);
  }
  const rounded = magnitude + 4095 + (magnitude >>> 13 & 1);
  return sign | (rounded >>> 13) - (112 << 10);
}
function halfToFloat(bits) {
  const sign = bits & 32768 ? -1 : 1;
  const exponent = bits >>> 10 & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
function roundEven(x2) {
  const floor = Math.floor(x2);
  const rest = x2 - floor;
  return rest > 0.5 || rest === 0.5 && floor % 2 === 1 ? floor + 1 : floor;
}

// src/io/float_tensors.ts
var halves = () => halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToFloat(bits));
var halfTable = null;
function toFloats({ dtype, data: data2 }) {
  if (dtype === "f32") return data2;
  const bits = data2;
  const floats = new Float32Array(bits.length);
  if (dtype === "bf16") {
    const words2 = new Uint32Array(floats.buffer);
    for (let i = 0; i < bits.length; i++) words2[i] = bits[i] << 16;
    return floats;
  }
  if (dtype !== "f16") throw new DataError(`${dtype} is no format of weights`);
  const values = halves();
  for (let i = 0; i < bits.length; i++) floats[i] = values[bits[i]];
  return floats;
}

// src/io/json.ts
init_errors();
var DEFAULT_MAX_DEPTH = 64;
function parseJson(text, rules) {
  const scanner = new Scanner(text, rules);
  const value = scanner.value();
  scanner.end();
  return value;
}
function toPlain(parsed) {
  if (Array.isArray(parsed)) return parsed.map(toPlain);
  if (!(parsed instanceof Map)) return parsed;
  return Object.fromEntries([...parsed].map(([key, value]) => [key, toPlain(value)]));
}
function decodeUtf8(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${what}: not valid UTF-8`, { cause });
  }
}
function quoted(name) {
  return name.length <= 80 ? JSON.stringify(name) : `${JSON.stringify(name.slice(0, 60))}\u2026 (${name.length} characters)`;
}
function formatJson(value, what, { sortKeys = false } = {}) {
  const format2 = (value2, path, depth) => {
    if (value2 === null || typeof value2 === "boolean") return String(value2);
    if (typeof value2 === "number") return formatNumber(value2, path);
    if (typeof value2 === "string") return formatString(value2, path);
    if (depth >= DEFAULT_MAX_DEPTH) {
      throw new DataError(
        `${path.slice(0, 80)}\u2026: nested deeper than ${DEFAULT_MAX_DEPTH} (a cycle?)`
      );
    }
    if (Array.isArray(value2)) {
      return `[${Array.from(value2, (item, i) => format2(item, `${path}[${i}]`, depth + 1)).join(",")}]`;
    }
    if (!isPlainObject(value2)) {
      throw new DataError(`${path} is ${describe(value2)}, which JSON cannot hold`);
    }
    const entries = Object.entries(value2).filter(([, item]) => item !== void 0);
    if (sortKeys) entries.sort(([a], [b]) => a < b ? -1 : 1);
    const members = entries.map(
      ([key, item]) => `${formatString(key, path)}:${format2(item, `${path}.${key}`, depth + 1)}`
    );
    return `{${members.join(",")}}`;
  };
  return format2(value, what, 0);
}
function formatNumber(value, path) {
  if (!Number.isFinite(value)) {
    throw new DataError(`${path} is ${value}, which JSON cannot hold; use null`);
  }
  return Object.is(value, -0) ? "-0" : String(value);
}
function formatString(value, path) {
  if (LONE_SURROGATE.test(value)) {
    throw new DataError(`${path} holds half of a surrogate pair, which UTF-8 cannot hold`);
  }
  return JSON.stringify(value);
}
function isPlainObject(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
function describe(value) {
  if (ArrayBuffer.isView(value)) {
    return `a ${value.constructor.name} (keep it among the tensors, or as a plain array)`;
  }
  return typeof value === "object" ? `a ${value?.constructor.name}` : `of type ${typeof value}`;
}
var LONE_SURROGATE = new RegExp("\\p{Surrogate}", "u");
var NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
var NATURAL = /^(?:0|[1-9]\d{0,15})$/;
var HEX4 = /[0-9a-fA-F]{4}/y;
var ESCAPES = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "	"
};
var Scanner = class {
  constructor(text, rules) {
    this.text = text;
    this.rules = rules;
  }
  text;
  rules;
  at = 0;
  path = [];
  value() {
    this.space();
    const char = this.text[this.at];
    if (char === "{") return this.object();
    if (char === "[") return this.array();
    if (char === '"') return this.string();
    if (char === "t") return this.word("true", true);
    if (char === "f") return this.word("false", false);
    if (char === "n") return this.word("null", null);
    return this.number();
  }
  end() {
    this.space();
    if (this.at < this.text.length) this.fail("text after the end of the value");
  }
  object() {
    const entries = /* @__PURE__ */ new Map();
    this.members("}", () => {
      this.space();
      if (this.text[this.at] !== '"') this.fail("expected a key in quotes");
      const key = this.string();
      if (entries.has(key)) this.fail(`duplicate key ${quoted(key)}`);
      this.space();
      this.take(":");
      this.path.push(key);
      entries.set(key, this.value());
      this.path.pop();
    });
    return entries;
  }
  array() {
    const items = [];
    this.members("]", () => {
      this.path.push(items.length);
      items.push(this.value());
      this.path.pop();
    });
    return items;
  }
  /** Opening bracket, members between commas, closing bracket. */
  members(close2, member) {
    const { maxDepth = DEFAULT_MAX_DEPTH, maxEntries = Number.POSITIVE_INFINITY } = this.rules;
    if (this.path.length >= maxDepth) this.fail(`nested deeper than ${maxDepth}`);
    this.at++;
    this.space();
    if (this.text[this.at] === close2) {
      this.at++;
      return;
    }
    for (let entries = 1; ; entries++) {
      if (entries > maxEntries) this.fail(`more than ${maxEntries} entries`);
      member();
      this.space();
      if (this.text[this.at] !== ",") break;
      this.at++;
    }
    this.take(close2);
  }
  string() {
    this.at++;
    let value = "";
    let from = this.at;
    let escaped = false;
    for (; ; ) {
      const code = this.text.charCodeAt(this.at);
      if (code === 34) break;
      if (!(code >= 32)) {
        this.fail(
          Number.isNaN(code) ? "the text ends within a string" : "control character in a string"
        );
      }
      if (code !== 92) {
        this.at++;
        continue;
      }
      value += this.text.slice(from, this.at) + this.escape();
      from = this.at;
      escaped = true;
    }
    value += this.text.slice(from, this.at);
    if (escaped && LONE_SURROGATE.test(value)) this.fail("half of a surrogate pair in a string");
    this.at++;
    return value;
  }
  escape() {
    const char = this.text[this.at + 1] ?? "";
    const plain2 = ESCAPES[char];
    if (plain2 !== void 0) {
      this.at += 2;
      return plain2;
    }
    HEX4.lastIndex = this.at + 2;
    const digits = char === "u" ? HEX4.exec(this.text)?.[0] : void 0;
    if (digits === void 0) return this.fail("unknown escape in a string");
    this.at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
  number() {
    NUMBER.lastIndex = this.at;
    const token = NUMBER.exec(this.text)?.[0];
    if (token === void 0) {
      return this.fail(this.at < this.text.length ? "expected a value" : "the text ends early");
    }
    const value = Number(token);
    if (this.rules.numbers === "naturals" && !(NATURAL.test(token) && Number.isSafeInteger(value))) {
      this.fail(`${token.slice(0, 40)} is not an integer from 0 to 2^53 - 1, written plainly`);
    }
    if (!Number.isFinite(value)) this.fail(`${token.slice(0, 40)} is beyond float64`);
    this.at += token.length;
    return value;
  }
  word(word, value) {
    if (!this.text.startsWith(word, this.at)) this.fail("expected a value");
    this.at += word.length;
    return value;
  }
  take(char) {
    if (this.text[this.at] !== char) this.fail(`expected ${char}`);
    this.at++;
  }
  space() {
    for (; ; ) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.at++;
    }
  }
  fail(reason) {
    const place2 = this.path.map((step) => typeof step === "number" ? `[${step}]` : quoted(step)).join(".");
    throw new DataError(
      `${this.rules.what}: ${reason}${place2 && ` in ${place2}`} (character ${this.at})`
    );
  }
};

// src/io/report.ts
init_errors();

// src/io/page.ts
init_errors();
async function renderPage({ title, style, body: body2, data: data2, scripts }) {
  const look = inlined("style", style);
  const code = scripts.map((script) => inlined("script", script));
  const hashes = await Promise.all(code.map(async (script) => `'${await sha256(script)}'`));
  const policy = `default-src 'none'; script-src ${hashes.join(" ")}; style-src '${await sha256(look)}'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${look}</style>
</head>
<body>
${body2}
<script type="application/json" id="${data2.id}">${escapedJson(data2.value)}</script>
${code.map((script) => `<script>${script}</script>`).join("\n")}
</body>
</html>
`;
}
var HTML_ESCAPES = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
};
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character]);
}
function escapedJson(value) {
  return JSON.stringify(value).replace(/</g, "\\u003c");
}
function inlined(element, text) {
  if (/<\/(script|style)|<!--/i.test(text)) {
    throw new DataError(`page: the text for <${element}> contains "</${element}" or "<!--"`);
  }
  return text.replace(/\r\n?/g, "\n");
}
async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}

// src/io/report_page.ts
function drawPlots(formatNumber3) {
  const plots = JSON.parse(document.querySelector("#plots").textContent);
  const font = (size) => `${size}px ${getComputedStyle(document.body).fontFamily}`;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  function draw(figure2, plot) {
    const target2 = figure2.querySelector(".plot");
    const outputs = [...figure2.querySelectorAll("output")];
    const curves = plot.series.map(({ x: x2, y }) => [x2, y]);
    const columns = curves.length === 0 ? [[]] : uPlot.join(curves);
    const options = {
      width: target2.clientWidth,
      height: target2.clientHeight,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false },
      scales: {
        x: { time: false, distr: plot.logX ? 3 : 1 },
        y: plot.logY ? { distr: 3 } : { range: (_, low, high) => range(plot, low, high) }
      },
      axes: [
        axis({ label: plot.xLabel, size: 30, labelSize: 20 }, plot.logX),
        axis({ size: 52 }, plot.logY)
      ],
      series: [{}, ...plot.series.map(line)],
      hooks: {
        drawAxes: [(u) => drawLines(u, plot.lines)],
        setCursor: [(u) => showValues(u, outputs)],
        ready: [(u) => showValues(u, outputs)]
      }
    };
    return new uPlot(options, columns, target2);
  }
  function range({ lines, fromZero }, low, high) {
    const values = [low, high, ...lines.map(({ y }) => y)].filter((v) => v !== null);
    if (values.length === 0) return [0, 1];
    const [min, max] = [Math.min(...values, fromZero ? 0 : Infinity), Math.max(...values)];
    const pad2 = (max - min) * 0.08 || Math.abs(max) * 0.1 || 1;
    return [min >= 0 ? Math.max(0, min - pad2) : min - pad2, max + pad2];
  }
  function axis(sizes, log2) {
    return {
      ...sizes,
      stroke: color("soft"),
      font: font(11),
      labelFont: font(12),
      labelGap: 0,
      gap: 6,
      grid: { stroke: color("grid"), width: 1 },
      ticks: { show: false },
      values: (_, ticks) => tickLabels(ticks, log2)
    };
  }
  function tickLabels(ticks, log2) {
    const largest = Math.max(...ticks.map((tick) => Math.abs(tick ?? 0)));
    return ticks.map((tick) => {
      if (tick === null || tick === void 0) return "";
      if (tick === 0) return "0";
      const size = log2 ? tick : largest;
      if (size < 0.01 || size >= 1e9) {
        return Number(tick.toPrecision(4)).toExponential().replace("e+", "e").replaceAll("-", "\u2212");
      }
      if (size >= 1e6) return `${Number((tick / 1e6).toPrecision(4))}M`;
      if (size >= 1e4) return `${Number((tick / 1e3).toPrecision(4))}k`;
      return String(Number(tick.toPrecision(6)));
    });
  }
  function line({ color: index, faint, loose }) {
    const stroke = color(`series-${index}`);
    const look = faint ? { width: 1, alpha: 0.45 } : { width: 2, alpha: 1 };
    if (loose) return { stroke, paths: () => null, points: { show: true, size: 8, fill: stroke } };
    return { stroke, ...look, points: { size: 5, fill: stroke } };
  }
  function drawLines({ ctx, bbox, valToPos }, lines) {
    const scale = window.devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color("soft");
    ctx.lineWidth = scale;
    ctx.setLineDash([5 * scale, 4 * scale]);
    ctx.font = font(11 * scale);
    ctx.textAlign = "right";
    const highest = Math.max(...lines.map(({ y }) => y));
    for (const { label, y } of lines) {
      const at = Math.round(valToPos(y, "y", true));
      const right = bbox.left + bbox.width;
      ctx.beginPath();
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(right, at);
      ctx.stroke();
      ctx.textBaseline = y === highest ? "bottom" : "top";
      const away = (y === highest ? -4 : 5) * scale;
      ctx.fillText(`${label} ${formatNumber3(y)}`, right - 4 * scale, at + away);
    }
    ctx.restore();
  }
  function showValues({ cursor, data: data2 }, outputs) {
    const at = cursor.idx ?? data2[0].length - 1;
    for (const [i, output] of outputs.entries()) {
      const value = data2[i].slice(0, at + 1).findLast((v) => v !== void 0 && v !== null);
      output.textContent = typeof value === "number" ? formatNumber3(value) : "";
    }
  }
  function drawAll() {
    return [...document.querySelectorAll("[data-plot]")].map(
      (figure2, i) => draw(figure2, plots[i])
    );
  }
  let drawn = drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const plot of drawn) plot.destroy();
    drawn = drawAll();
  });
  const resized = new ResizeObserver(() => {
    for (const [i, target2] of [...document.querySelectorAll(".plot")].entries()) {
      drawn[i].setSize({ width: target2.clientWidth, height: target2.clientHeight });
    }
  });
  resized.observe(document.querySelector("main"));
}

// src/io/report_style.ts
var SERIES_COLORS = 6;
var reportStyle = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --edge: #e3e6eb; --ink: #14181f; --soft: #5a6472; --grid: #eceef2;
  --series-0: #2563eb; --series-1: #e8710a; --series-2: #0b8f6f; --series-3: #b0369a; --series-4: #6b5bd6; --series-5: #8a6a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b22; --edge: #272e38; --ink: #e8ebf0; --soft: #98a2b0; --grid: #232a33;
    --series-0: #6ea8ff; --series-1: #ffa04d; --series-2: #3fd0a6; --series-3: #ee8fd9; --series-4: #a99cff; --series-5: #e3c34a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 36px 20px 28px; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { margin: 36px 0 12px; font-size: 17px; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 15px; font-weight: 600; }
p { margin: 6px 0 0; color: var(--soft); overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; min-width: 0; }

.summary { display: flex; flex-wrap: wrap; gap: 1px; margin: 24px 0 16px; overflow: hidden; }
.summary div { flex: 1 1 200px; padding: 13px 16px; box-shadow: 0 0 0 1px var(--edge); }
.summary dt { color: var(--soft); font-size: 13px; }
.summary dd { margin: 1px 0 0; font-weight: 500; line-height: 1.35; overflow-wrap: anywhere; }
.summary .figure { font-size: 21px; font-weight: 600; letter-spacing: -0.02em; white-space: nowrap; }
.summary .unit { display: inline-block; color: var(--soft); font-size: 13px; font-weight: 400; }

.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.plots figure { margin: 0; padding: 16px 16px 10px; }
.plots figure:first-child, .plots figure:last-child:nth-child(even) { grid-column: 1 / -1; }
.plots figcaption { display: flex; flex-wrap: wrap; gap: 2px 20px; align-items: baseline; }
.y-label { width: 100%; color: var(--soft); font-size: 12px; order: 1; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 0 auto; padding: 0; list-style: none; color: var(--soft); font-size: 13px; }
.legend output { color: var(--ink); font-weight: 500; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 14px; height: 3px; margin: 0 6px 4px 0; border-radius: 2px; vertical-align: middle; }
${Array.from({ length: SERIES_COLORS }, (_, i) => `.s${i} { background: var(--series-${i}); }`).join("\n")}
.faint { opacity: 0.4; }
.plot { height: 210px; margin-top: 6px; overflow: hidden; }
.plots figure:first-child .plot { height: 330px; }
.u-hz .u-cursor-x { border-color: var(--soft); }

.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.samples article { padding: 14px 16px; }
.samples h3 { color: var(--soft); font-size: 13px; font-weight: 500; overflow-wrap: anywhere; }
pre {
  max-height: 340px; margin: 8px 0 0; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate;
  font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 16px; text-align: left; border-top: 1px solid var(--edge); }
thead th { border-top: 0; color: var(--soft); font-size: 13px; font-weight: 500; }
.number { text-align: right; }
.settings { columns: 3 250px; column-gap: 32px; margin: 0; padding: 12px 16px; font-size: 13px; }
.settings div { display: flex; justify-content: space-between; gap: 12px; padding: 3px 0; break-inside: avoid; }
.settings dt { color: var(--soft); overflow-wrap: anywhere; }
.settings dd { margin: 0; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
ul.notes { margin: 0; padding-left: 20px; color: var(--soft); overflow-wrap: anywhere; }
footer { margin-top: 28px; color: var(--soft); font-size: 12px; }
@media (max-width: 640px) {
  main { padding: 22px 12px; }
  h1 { font-size: 23px; }
  .summary div { flex-basis: 40%; padding: 11px 14px; }
  .plots { grid-template-columns: minmax(0, 1fr); }
  .plots figure { padding: 14px 10px 8px; }
  .plots figure:first-child .plot { height: 260px; }
  .legend { margin: 0; width: 100%; order: 2; }
}
`;

// src/io/report.ts
var MAX_POINTS = 4e3;
async function renderReport(report, plotLibrary) {
  return renderPage({
    title: report.title,
    style: `${plotLibrary.style}
${reportStyle}`,
    body: body(report),
    data: { id: "plots", value: report.plots.map(pagePlot) },
    scripts: [plotLibrary.script, `(${drawPlots})(${formatNumber2});`]
  });
}
function body(report) {
  const { plots, tables: tables2 = [], samples, notes = [] } = report;
  return `<main>
<header>
<h1>${escapeHtml(report.title)}</h1>
<p>${escapeHtml(report.subtitle)}</p>
</header>
<dl class="summary card">
${report.summary.map(summaryItem).join("\n")}
</dl>
<div class="plots">
${plots.map(figure).join("\n")}
</div>
${tables2.map(table).join("\n")}
${section("Samples", "samples", samples.map(sample))}
${section("Notes", "notes", notes.map(note), "ul")}
<h2>Settings</h2>
<dl class="settings card">
${settingEntries(report.settings).map(setting).join("\n")}
</dl>
<footer>Made by shadegrad. This page is one file and uses no network.</footer>
</main>`;
}
function section(title, name, items, tag = "div") {
  if (items.length === 0) return "";
  return `<h2>${title}</h2>
<${tag} class="${name}">
${items.join("\n")}
</${tag}>`;
}
function summaryItem([label, value]) {
  const text = typeof value === "number" ? formatNumber2(value) : value;
  const parts = /^([-\u2212]?\d[\d.,:]*(?:e[-+]?\d+)?[kMG%]?)(?:\s+(.*))?$/s.exec(text);
  const shown2 = parts === null ? escapeHtml(text) : `<span class="figure">${escapeHtml(parts[1])}</span> <span class="unit">${escapeHtml(parts[2] ?? "")}</span>`;
  return `<div><dt>${escapeHtml(label)}</dt><dd>${shown2}</dd></div>`;
}
function figure({ title, xLabel, yLabel, series }) {
  const curves = series.map(({ label, faint }, i) => {
    const swatch = `swatch s${colorIndex(series, i)}${faint ? " faint" : ""}`;
    return `<li><span class="${swatch}"></span>${escapeHtml(label)} <output></output></li>`;
  });
  return `<figure class="card" data-plot>
<figcaption><h3>${escapeHtml(title)}</h3><span class="y-label">${escapeHtml(yLabel)}</span>
<ul class="legend"><li>${escapeHtml(xLabel)} <output></output></li>${curves.join("")}</ul></figcaption>
<div class="plot" role="img" aria-label="${escapeHtml(`${title}: ${yLabel} against ${xLabel}`)}"></div>
</figure>`;
}
function colorIndex(series, index) {
  return series.slice(0, index).filter(({ faint }) => !faint).length % SERIES_COLORS;
}
function table({ title, columns, rows: rows2 }) {
  const cell = (value) => typeof value === "number" ? `<td class="number">${formatNumber2(value)}</td>` : `<td>${escapeHtml(value)}</td>`;
  const isNumber3 = (column) => rows2.every((row) => typeof row[column] === "number");
  const heads = columns.map(
    (name, i) => `<th${isNumber3(i) ? ' class="number"' : ""}>${escapeHtml(name)}</th>`
  );
  return `<h2>${escapeHtml(title)}</h2>
<div class="card scroll"><table>
<thead><tr>${heads.join("")}</tr></thead>
<tbody>
${rows2.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n")}
</tbody>
</table></div>`;
}
function sample({ title, text }) {
  return `<article class="card"><h3>${escapeHtml(title)}</h3><pre tabindex="0">
${escapeHtml(text)}</pre></article>`;
}
function note(text) {
  return `<li>${escapeHtml(text)}</li>`;
}
function setting([name, value]) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
  return `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd></div>`;
}
function pagePlot(plot) {
  const { title, xLabel, series, lines = [], logX = false, logY = false, fromZero = false } = plot;
  return {
    xLabel,
    logX,
    logY,
    fromZero,
    lines: lines.filter(({ y }) => isShown(y, logY)),
    series: series.map(({ label, x: x2, y, faint = false, points: loose = false }, i) => {
      if (x2.length !== y.length) {
        throw new DataError(
          `report: "${label}" in "${title}" has ${x2.length} x and ${y.length} y; expected as many`
        );
      }
      const shown2 = points(
        x2,
        y.map((value) => isShown(value, logY) ? value : Number.NaN),
        logX
      );
      return { ...shown2, faint, loose, color: colorIndex(series, i) };
    })
  };
}
var isShown = (value, log2) => Number.isFinite(value) && (!log2 || value > 0);
function points(x2, y, logX) {
  const order = [...x2.keys()].filter((i) => Number.isFinite(x2[i]) && (!logX || x2[i] > 0)).sort((i, j) => x2[i] - x2[j]);
  const kept2 = thinned(order, y);
  return {
    x: kept2.map((i) => x2[i]),
    y: kept2.map((i) => Number.isFinite(y[i]) ? Number(y[i].toPrecision(6)) : null)
  };
}
function thinned(order, y) {
  if (order.length <= MAX_POINTS) return [...order];
  const width = Math.ceil(3 * order.length / MAX_POINTS);
  const kept2 = [];
  for (let start2 = 0; start2 < order.length; start2 += width) {
    const run4 = order.slice(start2, start2 + width);
    const finite = run4.filter((i) => Number.isFinite(y[i]));
    const low = finite.reduce((a, b) => y[b] < y[a] ? b : a, finite[0] ?? -1);
    const high = finite.reduce((a, b) => y[b] > y[a] ? b : a, finite[0] ?? -1);
    const gap = run4.find((i) => !Number.isFinite(y[i]));
    kept2.push(...run4.filter((i) => i === low || i === high || i === gap));
  }
  return kept2;
}
function formatNumber2(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return value.toLocaleString("en-US");
  if (!Number.isFinite(value) || size >= 1e15) return String(value);
  if (size >= 1e3) return Math.round(value).toLocaleString("en-US");
  return size < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}

// src/io/safetensors.ts
init_errors();

// src/io/host_tensor.ts
var ELEMENT_TYPES = {
  u64: { code: "U64", array: BigUint64Array },
  i64: { code: "I64", array: BigInt64Array },
  f64: { code: "F64", array: Float64Array },
  f32: { code: "F32", array: Float32Array },
  u32: { code: "U32", array: Uint32Array },
  i32: { code: "I32", array: Int32Array },
  bf16: { code: "BF16", array: Uint16Array },
  // its bits
  f16: { code: "F16", array: Uint16Array },
  // its bits
  u16: { code: "U16", array: Uint16Array },
  i16: { code: "I16", array: Int16Array },
  i8: { code: "I8", array: Int8Array },
  u8: { code: "U8", array: Uint8Array },
  bool: { code: "BOOL", array: Uint8Array }
  // one byte each, 0 or 1
};
var DTYPES = Object.keys(ELEMENT_TYPES);
function elementBytes(dtype) {
  return ELEMENT_TYPES[dtype].array.BYTES_PER_ELEMENT;
}
var EXPONENTS = {
  f16: { mask: 31744, bytes: 2 },
  bf16: { mask: 32640, bytes: 2 },
  f32: { mask: 2139095040, bytes: 4 },
  f64: { mask: 2146435072, bytes: 8 }
  // of the upper half
};
function indexOfNonFinite({ dtype, data: data2 }) {
  const exponent = EXPONENTS[dtype];
  if (!exponent) return -1;
  const { mask, bytes } = exponent;
  const words2 = bytes === 2 ? new Uint16Array(data2.buffer, data2.byteOffset, data2.byteLength / 2) : new Uint32Array(data2.buffer, data2.byteOffset, data2.byteLength / 4);
  const wordsPerElement = bytes === 8 ? 2 : 1;
  for (let i = wordsPerElement - 1; i < words2.length; i += wordsPerElement) {
    if ((words2[i] & mask) === mask) return Math.floor(i / wordsPerElement);
  }
  return -1;
}

// src/io/safetensors.ts
var MAX_HEADER_BYTES = 1e8;
var MAX_TENSORS = 32768;
var MAX_DIMENSIONS = 64;
var MAX_NAME_CHARACTERS = 4096;
var METADATA = "__metadata__";
var DTYPE_OF_CODE = new Map(
  DTYPES.map((dtype) => [ELEMENT_TYPES[dtype].code, dtype])
);
function readSafetensors(bytes, what = "safetensors") {
  const header = parseSafetensorsHeader(bytes, { what });
  const tensors = /* @__PURE__ */ new Map();
  for (const [name, entry] of header.tensors) {
    const data2 = bytes.subarray(header.dataStart + entry.begin, header.dataStart + entry.end);
    tensors.set(name, tensorFromBytes(entry, data2));
  }
  return { tensors, metadata: header.metadata };
}
function tensorFromBytes({ dtype, shape, begin: begin2, end }, bytes) {
  const { array } = ELEMENT_TYPES[dtype];
  if (bytes.length !== end - begin2) {
    throw new DataError(`a tensor of ${end - begin2} bytes was given ${bytes.length}`);
  }
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  const data2 = new array(
    aligned.buffer,
    aligned.byteOffset,
    bytes.length / array.BYTES_PER_ELEMENT
  );
  return { dtype, shape, data: data2 };
}
function safetensorsHeaderLength(bytes, fileBytes, what = "safetensors") {
  if (bytes.length < 8) {
    throw new DataError(
      `${what}: ${bytes.length} bytes, too short for the 8 bytes of the header's length`
    );
  }
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(MAX_HEADER_BYTES)) {
    throw new DataError(
      `${what}: a header of ${claimed} bytes exceeds the limit of ${MAX_HEADER_BYTES}`
    );
  }
  const length = Number(claimed);
  if (length < 2) throw new DataError(`${what}: a header of ${length} bytes cannot hold {}`);
  if (8 + length > fileBytes) {
    throw new DataError(
      `${what}: the header should end at byte ${8 + length}, the file at ${fileBytes} (truncated?)`
    );
  }
  return length;
}
function parseSafetensorsHeader(bytes, { fileBytes = bytes.length, what = "safetensors" } = {}) {
  const dataStart = 8 + safetensorsHeaderLength(bytes, fileBytes, what);
  if (bytes.length < dataStart) {
    throw new DataError(`${what}: ${bytes.length} bytes given, the header needs ${dataStart}`);
  }
  const text = decodeUtf8(bytes.subarray(8, dataStart), `${what}: header`);
  if (!text.startsWith("{")) throw new DataError(`${what}: the header does not begin with {`);
  if (occursMoreOften(text, '"data_offsets"', MAX_TENSORS)) {
    throw new DataError(`${what}: more than ${MAX_TENSORS} tensors`);
  }
  const parsed = parseJson(text, {
    what: `${what}: header`,
    numbers: "naturals",
    maxDepth: 3,
    maxEntries: MAX_TENSORS
  });
  const tensors = /* @__PURE__ */ new Map();
  for (const [name, entry] of parsed) {
    if (name !== METADATA) tensors.set(name, checkEntry(name, entry, what));
  }
  checkTiling(tensors, fileBytes - dataStart, what);
  return { tensors, metadata: checkMetadata(parsed.get(METADATA), what), dataStart };
}
function occursMoreOften(text, word, times2) {
  let count2 = 0;
  for (let at = text.indexOf(word); at >= 0 && count2 <= times2; at = text.indexOf(word, at + 1))
    count2++;
  return count2 > times2;
}
function checkMetadata(parsed, what) {
  if (parsed === void 0) return /* @__PURE__ */ new Map();
  if (!(parsed instanceof Map)) throw new DataError(`${what}: ${METADATA} is not an object`);
  for (const [key, value] of parsed) {
    if (typeof value !== "string") {
      throw new DataError(`${what}: ${METADATA} ${quoted(key)} is not a string`);
    }
  }
  return parsed;
}
function checkEntry(name, entry, what) {
  const fail = (reason) => {
    throw new DataError(`${what}: tensor ${quoted(name)}: ${reason}`);
  };
  if (name.length > MAX_NAME_CHARACTERS) fail(`its name exceeds ${MAX_NAME_CHARACTERS} characters`);
  if (!(entry instanceof Map)) return fail("its entry is not an object");
  for (const key of entry.keys()) {
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets") {
      fail(`unknown field ${quoted(key)}`);
    }
  }
  const [code, shape, offsets] = [
    entry.get("dtype"),
    entry.get("shape"),
    entry.get("data_offsets")
  ];
  if (code === void 0 || shape === void 0 || offsets === void 0) {
    return fail("needs dtype, shape and data_offsets");
  }
  const dtype = DTYPE_OF_CODE.get(code);
  if (dtype === void 0) {
    return fail(
      `dtype ${typeof code === "string" ? quoted(code) : "is not a string"}; known are ${[...DTYPE_OF_CODE.keys()].join(" ")}`
    );
  }
  if (!isNaturals(shape)) return fail("shape is not a list of integers");
  if (shape.length > MAX_DIMENSIONS) fail(`${shape.length} dimensions exceed ${MAX_DIMENSIONS}`);
  if (!isNaturals(offsets) || offsets.length !== 2) {
    return fail("data_offsets are not two integers");
  }
  const [begin2, end] = offsets;
  if (begin2 > end) fail(`data_offsets [${begin2}, ${end}] are reversed`);
  const bytes = checkedProduct([...shape, elementBytes(dtype)]);
  if (bytes === void 0) return fail(`shape [${shape}] is beyond 2^53 - 1 bytes`);
  if (bytes !== end - begin2) {
    fail(
      `shape [${shape}] of ${code} takes ${bytes} bytes, data_offsets [${begin2}, ${end}] hold ${end - begin2}`
    );
  }
  return { dtype, shape, begin: begin2, end };
}
function isNaturals(value) {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}
function checkedProduct(factors) {
  let product2 = 1;
  for (const factor of factors) {
    if (factor !== 0 && product2 > Number.MAX_SAFE_INTEGER / factor) return void 0;
    product2 *= factor;
  }
  return product2;
}
function checkTiling(tensors, dataBytes, what) {
  const byOffset = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin: begin2, end }] of byOffset) {
    if (begin2 !== covered) {
      const fault = begin2 < covered ? "overlaps the tensor before it" : "leaves a hole before it";
      throw new DataError(
        `${what}: tensor ${quoted(name)}: begins at byte ${begin2} and ${fault}, which ends at ${covered}`
      );
    }
    if (end > dataBytes) {
      throw new DataError(
        `${what}: tensor ${quoted(name)}: ends at byte ${end} of ${dataBytes} (truncated?)`
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new DataError(`${what}: ${dataBytes - covered} bytes after the last tensor`);
  }
}
function writeSafetensors(tensors, metadata = /* @__PURE__ */ new Map()) {
  if (tensors.size >= MAX_TENSORS) {
    throw new DataError(`writeSafetensors: ${tensors.size} tensors exceed ${MAX_TENSORS - 1}`);
  }
  const ordered = [...tensors].sort(
    ([a, { dtype: left }], [b, { dtype: right }]) => DTYPES.indexOf(left) - DTYPES.indexOf(right) || byCodePoint(a, b)
  );
  const entries = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => byCodePoint(a, b));
    const members = pairs.map((pair) => pair.map((part) => formatJson(part, METADATA)).join(":"));
    entries.push(`"${METADATA}":{${members.join(",")}}`);
  }
  let dataBytes = 0;
  for (const [name, tensor] of ordered) {
    checkWritable(name, tensor);
    const end = dataBytes + tensor.data.byteLength;
    const key = formatJson(name, `writeSafetensors: the name ${quoted(name)}`);
    entries.push(
      `${key}:{"dtype":"${ELEMENT_TYPES[tensor.dtype].code}","shape":[${tensor.shape}],"data_offsets":[${dataBytes},${end}]}`
    );
    dataBytes = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(32, 8, 8 + headerBytes);
  file.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data: data2 }] of ordered) {
    file.set(new Uint8Array(data2.buffer, data2.byteOffset, data2.byteLength), at);
    at += data2.byteLength;
  }
  return file;
}
function checkWritable(name, { dtype, shape, data: data2 }) {
  const fail = (reason) => {
    throw new DataError(`writeSafetensors: tensor ${quoted(name)}: ${reason}`);
  };
  if (name === METADATA || name.length > MAX_NAME_CHARACTERS) fail("this name cannot be read back");
  const { array } = ELEMENT_TYPES[dtype];
  if (!(data2 instanceof array)) fail(`the data of ${dtype} is not a ${array.name}`);
  if (shape.length > MAX_DIMENSIONS) fail(`${shape.length} dimensions exceed ${MAX_DIMENSIONS}`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    fail(`shape [${shape}] is not a list of sizes`);
  }
  const bytes = checkedProduct([...shape, elementBytes(dtype)]);
  if (bytes !== data2.byteLength) {
    fail(`shape [${shape}] of ${dtype} takes ${bytes} bytes, the data has ${data2.byteLength}`);
  }
}
function byCodePoint(a, b) {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  const isLow = (code) => code >= 56320 && code < 57344;
  if (i > 0 && (isLow(a.charCodeAt(i)) || isLow(b.charCodeAt(i)))) i--;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

// src/io/experiment.ts
async function runExperiment(device2, experiment, options = {}) {
  const { folder = null, resume = false, plotLibrary, onProgress = () => {
  } } = options;
  const { defaults, checks } = experiment;
  const settings2 = checkSettings(resolveSettings(defaults, options.settings), checks);
  if (folder) await begin(folder, settings2, resume);
  const signal = options.signal ?? new AbortController().signal;
  const adapter = device2.adapter.name;
  const total = experiment.count(settings2);
  let done = 0;
  const told = (name, line, kept2, cost = 1) => {
    done += cost;
    onProgress({ done, total, name, line, kept: kept2 });
  };
  const cells = {
    signal,
    async cell(name, compute, tell = noLine, cost = 1) {
      const kept2 = folder && await readCell(folder, name);
      signal.throwIfAborted();
      const start3 = performance.now();
      const value = kept2 ?? await compute();
      if (folder && !kept2) {
        const seconds = (performance.now() - start3) / 1e3;
        await writeJson(folder, cellPath(name), { adapter, seconds, value });
      }
      told(name, tell(value), kept2 !== null, cost);
      return value;
    },
    async weights(name, train, tell = noLine) {
      const kept2 = folder && await readWeights(folder, name);
      signal.throwIfAborted();
      const weights = kept2 ?? await weightsOf(await train());
      if (folder && !kept2) {
        const about = /* @__PURE__ */ new Map([["about", JSON.stringify(weights.about)]]);
        await folder.write(weightsPath(name), writeSafetensors(weights.tensors, about));
      }
      told(name, tell(weights.about), kept2 !== null);
      return weights;
    }
  };
  const start2 = performance.now();
  const outcome = (result2) => ({
    settings: settings2,
    adapter,
    seconds: (performance.now() - start2) / 1e3,
    result: result2
  });
  try {
    const finished = outcome(await experiment.run(device2, settings2, cells));
    if (folder) await writeJson(folder, "results.json", finished);
    if (folder && plotLibrary) {
      const report = { ...experiment.report(finished.result, settings2), settings: settings2 };
      const page = await renderReport(withAdapter(report, adapter), plotLibrary);
      await folder.write("report.html", new TextEncoder().encode(page));
    }
    return finished;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return outcome(null);
    if (folder && done === 0) await folder.remove(CONFIG);
    throw error;
  }
}
var noLine = (_) => "";
var withAdapter = (report, adapter) => ({
  ...report,
  summary: [...report.summary, ["adapter", adapter]]
});
var CONFIG = "config.json";
async function readExperimentSettings(folder) {
  const settings2 = await readJson(folder, CONFIG);
  if (settings2 !== null && typeof settings2 === "object") return settings2;
  throw new CheckpointError(`${folder.location} holds no run to resume; start without --resume`);
}
async function begin(folder, settings2, resume) {
  if (!resume) {
    if (await folder.exists(CONFIG)) {
      throw new CheckpointError(
        `${folder.location} holds a run already; continue it with --resume, or choose another --out`
      );
    }
    return writeJson(folder, CONFIG, settings2);
  }
  const changed = differences(await readExperimentSettings(folder), settings2);
  if (changed.length === 0) return;
  throw new CheckpointError(
    `${folder.location} holds a run with another ${changed.join(", ")}; choose another --out`
  );
}
var cellPath = (name) => `cells/${fileName(name)}.json`;
var weightsPath = (name) => `weights/${fileName(name)}.safetensors`;
function fileName(name) {
  if (/^[a-z0-9.-]+$/.test(name)) return name;
  throw new ConfigError(`cell ${JSON.stringify(name)}: expected a-z, 0-9, - and . only`);
}
async function readCell(folder, name) {
  const path = cellPath(name);
  const file = await readJson(folder, path);
  if (file === null) return null;
  const value = typeof file === "object" && "value" in file ? file.value : null;
  if (value !== null && typeof value === "object") return value;
  throw new CheckpointError(`${folder.location}/${path} is not a cell of this run; remove it`);
}
async function readWeights(folder, name) {
  const path = weightsPath(name);
  if (!await folder.exists(path)) return null;
  const what = `${folder.location}/${path}`;
  const { tensors, metadata } = readSafetensors(await folder.read(path), what);
  const about = toPlain(parseJson(metadata.get("about") ?? "null", { what }));
  if (about === null) {
    throw new CheckpointError(`${what} has no weights of this run; remove it`);
  }
  const floats = [...tensors].map(([name2, x2]) => [name2, { ...x2, data: toFloats(x2) }]);
  return { tensors: new Map(floats), about };
}
async function weightsOf({
  module,
  about
}) {
  const tensors = /* @__PURE__ */ new Map();
  for (const [name, x2] of module.namedTensors()) {
    const data2 = new Float32Array(await x2.data());
    tensors.set(name, { dtype: "f32", shape: x2.shape, data: data2 });
  }
  module.dispose();
  return { tensors, about };
}
async function readJson(folder, path) {
  if (!await folder.exists(path)) return null;
  const what = `${folder.location}/${path}`;
  return toPlain(parseJson(decodeUtf8(await folder.read(path), what), { what }));
}
function writeJson(folder, path, value) {
  return folder.write(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}
`));
}

// src/ops/device.ts
init_errors();

// src/gpu/platform_node.ts
init_errors();

// src/gpu/idle_node.ts
var LONGEST = 0.5;
var nobody = new Int32Array(new SharedArrayBuffer(4));
var waiting = 0;
var since = 0;
var turning = false;
function idle(work) {
  if (waiting++ === 0) since = performance.now();
  const settled = () => {
    waiting--;
  };
  work.then(settled, settled);
  if (!turning) setImmediate(turn);
  turning = true;
}
function turn() {
  turning = waiting > 0;
  if (!turning) return;
  Atomics.wait(nobody, 0, 0, Math.min(LONGEST, (performance.now() - since) / 4));
  setImmediate(turn);
}

// src/gpu/platform.ts
var CPU_DRIVERS = /llvmpipe|lavapipe|swiftshader|basic render|\bwarp\b/i;
function isSoftware(info) {
  return info.isFallbackAdapter || CPU_DRIVERS.test(adapterLabel(info));
}
function adapterLabel({
  vendor,
  architecture,
  device: device2,
  description
}) {
  return [vendor, architecture, device2, description].filter(Boolean).join(" ");
}
function isNamed(info, part) {
  return plain(adapterLabel(info)).includes(plain(part));
}
function plain(name) {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

// src/gpu/platform_node.ts
init_store_node();
var platform = { name: "node", store, findAdapter, idle, diagnose };
var instances = /* @__PURE__ */ new Map();
var SWIFTSHADER_FLAGS = [
  "disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension"
];
async function findAdapter(choice, options) {
  const wanted = choice === "auto" && process.env.SHADEGRAD_ADAPTER || choice;
  if (wanted.toLowerCase() === "swiftshader") return swiftShaderAdapter(options);
  const drivers = await ownDrivers();
  const first = drivers && await request([], options, drivers);
  const byKind = wanted === "auto" || wanted === "hardware";
  if (byKind && first && !first.software) return first;
  const all = first && drivers ? await allAdapters(first, options, drivers) : [];
  const hardware = all.find((found) => !found.software);
  const software = all.find((found) => found.software);
  switch (wanted) {
    case "auto":
      return hardware ?? announced(software ?? await swiftShaderAdapter(options));
    case "software":
      return software ?? swiftShaderAdapter(options);
    case "hardware":
      if (hardware) return hardware;
      throw await noHardware(all);
    default:
      return all.find(({ adapter }) => isNamed(adapter.info, wanted)) ?? unknownName(wanted, all);
  }
}
async function dawn() {
  try {
    return await import("webgpu");
  } catch (cause) {
    const machine = `${process.platform} on ${process.arch}`;
    throw new DeviceError(
      `the npm package webgpu (Dawn) cannot be loaded on ${machine}: ${cause}. It supports Linux with glibc, macOS and Windows, on x64 and arm64`,
      { cause }
    );
  }
}
async function request(flags, { featureLevel, toggles = [] }, drivers) {
  const { create } = await dawn();
  const args = [...flags, ...toggles];
  const key = JSON.stringify([args, drivers, process.env.VK_DRIVER_FILES]);
  const [gpu, requested] = withEnvironment(drivers, () => {
    const gpu2 = instances.get(key) ?? create(args);
    instances.set(key, gpu2);
    return [gpu2, gpu2.requestAdapter({ featureLevel, powerPreference: "high-performance" })];
  });
  const adapter = await requested;
  if (!adapter) return null;
  const { info } = adapter;
  const driver = info.description || info.device;
  return { adapter, software: isSoftware(info), driver, keepAlive: gpu };
}
async function allAdapters(first, options, drivers) {
  const names = await adapterList(options, drivers);
  if (names.length < 2) return [first];
  const found = await Promise.all(
    names.map((name) => request([`adapter=${name}`], options, drivers))
  );
  return found.filter((candidate) => candidate !== null);
}
async function adapterList(options, drivers) {
  const listed = await request(["adapter=(none has this name)"], options, drivers).then(
    () => "",
    (error) => String(error)
  );
  return [...listed.matchAll(/ \* backend: '.*', name: '(.*)'/g)].map((match) => match[1]);
}
function withEnvironment(variables, fn) {
  const before = Object.keys(variables).map((name) => [name, process.env[name]]);
  Object.assign(process.env, variables);
  try {
    return fn();
  } finally {
    for (const [name, value] of before) {
      if (value === void 0) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
async function ownDrivers() {
  if (process.platform !== "linux") return {};
  const { systemLoader: systemLoader2, unlistedDriverFiles: unlistedDriverFiles2, vulkanFacts: vulkanFacts2 } = await Promise.resolve().then(() => (init_vulkan_linux(), vulkan_linux_exports));
  const { loadLibrary: loadLibrary2, swiftShader: swiftShader2, swiftShaderMissing: swiftShaderMissing2 } = await Promise.resolve().then(() => (init_swiftshader(), swiftshader_exports));
  if (!systemLoader2() && !swiftShaderMissing2()) loadLibrary2((await swiftShader2()).loader);
  const unlisted = unlistedDriverFiles2();
  if (unlisted.length + vulkanFacts2().driverFiles.length === 0) return null;
  return unlisted.length ? { VK_ADD_DRIVER_FILES: unlisted.join(":") } : {};
}
async function swiftShaderAdapter(options) {
  const { swiftShader: swiftShader2, swiftShaderMissing: swiftShaderMissing2 } = await Promise.resolve().then(() => (init_swiftshader(), swiftshader_exports));
  const missing = swiftShaderMissing2();
  if (missing) throw await noAdapter(missing);
  await ownDrivers();
  const { driverFile } = await swiftShader2();
  const drivers = { VK_DRIVER_FILES: driverFile, VK_ICD_FILENAMES: driverFile };
  const found = await request(SWIFTSHADER_FLAGS, options, drivers);
  if (!found) throw await noAdapter(`Dawn refused SwiftShader (${driverFile})`);
  return found;
}
async function announced(found) {
  const notice = `no GPU is used: ${found.driver} computes on the CPU, slowly. For a GPU: ${await wayOut()}`;
  return { ...found, notice };
}
async function noHardware(all) {
  const seen = all.length ? `only software adapters were found: ${labels(all)}` : "no adapter was found";
  return new DeviceError(`adapter 'hardware': ${seen}. For a GPU: ${await wayOut()}`);
}
async function noAdapter(why) {
  return new DeviceError(`no adapter was found. For a GPU: ${await wayOut()}. For the CPU: ${why}`);
}
function unknownName(wanted, all) {
  const seen = all.length ? `the adapters are ${labels(all)}` : "this machine has no adapter of its own";
  throw new DeviceError(
    `adapter '${wanted}': ${seen}; give a part of such a name, 'swiftshader', 'auto', 'hardware' or 'software'`
  );
}
function labels(all) {
  return all.map(({ adapter }) => `'${adapterLabel(adapter.info)}'`).join(", ");
}
async function wayOut() {
  const missing = await diagnose();
  return missing.join("; ") || GENERAL_ADVICE[process.platform] || GENERAL_ADVICE.linux;
}
var GENERAL_ADVICE = {
  linux: "update the GPU's Vulkan driver (Mesa must be newer than 22.3); `vulkaninfo --summary` shows it",
  darwin: "Dawn uses Metal: macOS 11 or newer on a machine, or a virtual machine, with a Metal GPU",
  win32: "Dawn uses Direct3D 12: update the GPU's driver; `dxdiag` shows its feature level (11_0 or newer)"
};
async function diagnose() {
  if (process.platform !== "linux") return [];
  const { missingForHardware: missingForHardware2, vulkanFacts: vulkanFacts2 } = await Promise.resolve().then(() => (init_vulkan_linux(), vulkan_linux_exports));
  return missingForHardware2(vulkanFacts2());
}

// src/gpu/context.ts
init_errors();

// src/gpu/batch.ts
init_errors();

// src/gpu/buffers.ts
init_errors();
var USAGE = {
  MAP_READ: 1,
  COPY_SRC: 4,
  COPY_DST: 8,
  UNIFORM: 64,
  STORAGE: 128,
  QUERY_RESOLVE: 512
};
function sizeClass(bytes) {
  const atLeast = Math.max(256, bytes);
  const step = Math.max(256, 2 ** (Math.ceil(Math.log2(atLeast)) - 3));
  return Math.ceil(atLeast / step) * step;
}
var BufferPool = class {
  constructor(device2, limits, beforeDestroy, onDestroy) {
    this.device = device2;
    this.limits = limits;
    this.beforeDestroy = beforeDestroy;
    this.onDestroy = onDestroy;
  }
  device;
  limits;
  beforeDestroy;
  onDestroy;
  counters = {
    bytesInUse: 0,
    bytesPooled: 0,
    peakBytes: 0,
    buffers: 0,
    buffersCreated: 0
  };
  /** The capture under way: what it frees serves it alone. */
  capturing = null;
  free = /* @__PURE__ */ new Map();
  nextId = 1;
  /** Created since the last settled work. */
  fresh = [];
  /** The creation under way, if any. */
  creating = null;
  acquire(bytes) {
    if (bytes > this.limits.maxBufferSize) {
      throw new LimitError(
        `a buffer of ${bytes} bytes exceeds this adapter's maxBufferSize of ${this.limits.maxBufferSize}; split the tensor`
      );
    }
    const size = Math.min(sizeClass(bytes), Math.floor(this.limits.maxBufferSize / 4) * 4);
    const reused = this.capturing?.take(size);
    if (reused) return hold(reused);
    const block = this.free.get(size)?.pop();
    if (block) this.counters.bytesPooled -= size;
    this.counters.bytesInUse += size;
    const total = this.counters.bytesInUse + this.counters.bytesPooled;
    this.counters.peakBytes = Math.max(this.counters.peakBytes, total);
    try {
      const own = hold(block ?? this.create(size));
      this.capturing?.own(own);
      return own;
    } catch (error) {
      this.counters.bytesInUse -= size;
      throw error;
    }
  }
  /** Ends one hold on the block. With the last one it is free: for the capture under way, or for all. */
  release(block) {
    block.holders--;
    if (block.holders > 0 || this.capturing?.keep(block)) return;
    this.counters.bytesInUse -= block.bytes;
    if (block.broken) {
      this.destroy(block);
      return;
    }
    this.counters.bytesPooled += block.bytes;
    const list2 = this.free.get(block.bytes);
    if (list2) list2.push(block);
    else this.free.set(block.bytes, [block]);
  }
  /** What a finished capture holds until it is disposed: the blocks it used, and those that it took and freed. */
  endCapture(captured, used) {
    this.capturing = null;
    const blocks = /* @__PURE__ */ new Set([...used, ...captured.idle()]);
    for (const block of blocks) hold(block);
    for (const block of captured.parked) this.release(hold(block));
    return [...blocks];
  }
  /** Destroys the pooled blocks. */
  trim() {
    this.beforeDestroy();
    for (const list2 of this.free.values()) {
      for (const block of list2) {
        this.counters.bytesPooled -= block.bytes;
        this.destroy(block);
      }
    }
    this.free.clear();
  }
  /** All work so far succeeded: the blocks are sound. */
  settled() {
    this.fresh = [];
  }
  /**
   * The GPU ran out of memory. While a buffer is being created, that is handled here: true. Else the error came late,
   * and every block made since the last settled work may be invalid: they are not used again.
   */
  outOfMemory() {
    if (this.creating) {
      this.creating.failed = true;
      return true;
    }
    for (const block of this.fresh) block.broken = true;
    this.settled();
    this.trim();
    return false;
  }
  create(size) {
    let buffer = this.tryCreate(size);
    if (!buffer) {
      this.trim();
      buffer = this.tryCreate(size);
    }
    if (!buffer) {
      const { bytesInUse } = this.counters;
      throw new OutOfMemoryError(`no GPU memory for ${size} bytes with ${bytesInUse} in use`);
    }
    this.counters.buffers++;
    this.counters.buffersCreated++;
    const block = newBlock(this.nextId++, buffer, size);
    this.fresh.push(block);
    return block;
  }
  /** Drivers tell of missing memory by an exception, by an error while they create the buffer, or by one later. */
  tryCreate(size) {
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const attempt2 = { failed: false };
    this.creating = attempt2;
    try {
      const buffer = this.device.createBuffer({ size, usage, label: `pool ${size}` });
      return attempt2.failed ? null : buffer;
    } catch {
      return null;
    } finally {
      this.creating = null;
    }
  }
  destroy(block) {
    this.counters.buffers--;
    this.onDestroy(block);
    block.buffer.destroy();
  }
};
function newBlock(id, buffer, bytes) {
  return { id, buffer, bytes, lastBatch: 0, version: 0, holders: 0, broken: false };
}
function hold(block) {
  block.holders++;
  return block;
}

// src/gpu/timing.ts
var MAX_DISPATCHES = 2048;
var BatchTimer = class {
  constructor(device2) {
    this.device = device2;
    this.queries = device2.createQuerySet({ type: "timestamp", count: 2 * MAX_DISPATCHES });
  }
  device;
  labels = [];
  queries;
  get full() {
    return this.labels.length >= MAX_DISPATCHES;
  }
  /** The timestamps of the next pass, which will run the kernel `label`. */
  next(label) {
    const at = 2 * this.labels.push(label) - 2;
    return { querySet: this.queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }
  /** Adds the resolve to `encoder`; the returned function, called after the submit, reads nanoseconds per label. */
  resolve(encoder) {
    const count2 = 2 * this.labels.length;
    const size = Math.max(8, 8 * count2);
    const resolved = this.device.createBuffer({
      size,
      usage: USAGE.QUERY_RESOLVE | USAGE.COPY_SRC
    });
    const staging = this.device.createBuffer({ size, usage: USAGE.MAP_READ | USAGE.COPY_DST });
    if (count2 > 0) encoder.resolveQuerySet(this.queries, 0, count2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return async () => {
      await staging.mapAsync(1);
      const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
      for (const buffer of [resolved, staging]) buffer.destroy();
      this.queries.destroy();
      return this.labels.map((label, i) => [label, Number(ticks[2 * i + 1] - ticks[2 * i])]);
    };
  }
};
function summarise(samples) {
  const totals = /* @__PURE__ */ new Map();
  for (const [label, nanoseconds] of samples) {
    const total = totals.get(label) ?? { count: 0, microseconds: 0 };
    total.count++;
    total.microseconds += nanoseconds / 1e3;
    totals.set(label, total);
  }
  return [...totals].map(([label, total]) => ({ label, ...total })).sort((a, b) => b.microseconds - a.microseconds);
}

// src/gpu/wgsl.ts
init_errors();
var ENTRY_POINT = /@compute\s+(?:@workgroup_size\([^)]*\)\s*)?fn\s+(\w+)/g;
var DECLARATION = /^[ \t]*(?:fn|const|alias|struct|var<[^>]*>)\s+(\w+)/gm;
var MAX_PARAMS_BYTES = 1024;
var PARAMS_ALIGN = 256;
function readKernel(name, text) {
  const code = stripComments(text);
  const entries = [...code.matchAll(ENTRY_POINT)].map((m) => m[1]);
  if (entries.length === 0) throw new KernelError(`${name}: no @compute entry point found`);
  return { name, text, entries, params: readParams(name, code) };
}
function specialise(file, library, constants3) {
  const own = new Set(declared(file.text));
  const alone = declared(library).some((name) => own.has(name));
  let text = alone ? file.text : `${file.text}
${library}`;
  for (const [name, value] of Object.entries(constants3)) {
    const declaration = new RegExp(
      `^((?:const ${name}\\s*:\\s*\\w+|alias ${name})\\s*=\\s*)[^;]+;`,
      "m"
    );
    if (!declaration.test(text))
      throw new KernelError(`${file.name}: no constant "${name}" to replace`);
    text = text.replace(declaration, (_, head) => `${head}${value};`);
  }
  return /\bf16\b/.test(stripComments(text)) ? `enable f16; ${text}` : text;
}
var declared = (text) => [...text.matchAll(DECLARATION)].map((m) => m[1]);
function stripComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, (m) => m.replace(/[^\n]/g, "")).replace(/\/\/[^\n]*/g, "");
}
function writeParams(file, values, view, at) {
  const fields = file.params?.fields ?? [];
  let used = 0;
  for (const field of fields) {
    const value = values[field.name];
    if (value === void 0)
      throw new KernelError(`${file.name}: parameter "${field.name}" is missing`);
    used++;
    if (typeof value === "number") writeScalar(view, at + field.offset, field.type, value);
    else {
      if (value.length > field.count) {
        throw new KernelError(
          `${file.name}: "${field.name}" takes ${field.count} values, got ${value.length}`
        );
      }
      for (let i = 0; i < field.count; i++) {
        writeScalar(view, at + field.offset + 4 * i, field.type, value[i] ?? 0);
      }
    }
  }
  if (used === Object.keys(values).length) return;
  const known = new Set(fields.map((f) => f.name));
  const unknown = Object.keys(values).filter((key) => !known.has(key));
  throw new KernelError(
    `${file.name}: no parameter "${unknown.join('", "')}" in its struct Params`
  );
}
function writeScalar(view, at, type, value) {
  if (type === "f32") view.setFloat32(at, value, true);
  else if (type === "i32") view.setInt32(at, value, true);
  else view.setUint32(at, value, true);
}
function readParams(name, code) {
  const body2 = /struct\s+Params\s*\{([^}]*)\}/.exec(code)?.[1];
  if (body2 === void 0) return null;
  const fields = [];
  let bytes = 0;
  for (const part of body2.split(/,(?![^<]*>)/)) {
    if (part.trim() === "") continue;
    const [fieldName, typeName] = part.split(":").map((s) => s.trim());
    const { type, count: count2, align } = readType(name, typeName);
    const offset = Math.ceil(bytes / align) * align;
    fields.push({ name: fieldName, type, count: count2, offset });
    bytes = offset + 4 * count2;
  }
  if (bytes > MAX_PARAMS_BYTES) {
    throw new KernelError(
      `${name}: struct Params takes ${bytes} bytes, at most ${MAX_PARAMS_BYTES} fit; use a tensor`
    );
  }
  return { fields, bytes: Math.ceil(bytes / 16) * 16 };
}
function readType(name, typeName) {
  const array = /^array<\s*vec4([uif])\s*,\s*(\d+)\s*>$/.exec(typeName);
  if (array) return { type: SUFFIX[array[1]], count: 4 * Number(array[2]), align: 16 };
  const vector = /^vec([24])([uif])$/.exec(typeName);
  if (vector)
    return { type: SUFFIX[vector[2]], count: Number(vector[1]), align: 4 * Number(vector[1]) };
  if (typeName === "u32" || typeName === "i32" || typeName === "f32")
    return { type: typeName, count: 1, align: 4 };
  throw new KernelError(
    `${name}: struct Params may hold u32, i32, f32, vec2, vec4 and arrays of vec4, not ${typeName}`
  );
}
var SUFFIX = { u: "u32", i: "i32", f: "f32" };

// src/gpu/batch.ts
var ARENA_BYTES = 1 << 18;
var Batch = class {
  constructor(device2, pipelines, limits, budget) {
    this.device = device2;
    this.pipelines = pipelines;
    this.limits = limits;
    this.budget = budget;
    this.arena = device2.createBuffer({
      size: ARENA_BYTES,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
      label: "params"
    });
    const resource = { buffer: this.arena, size: MAX_PARAMS_BYTES };
    this.arenaGroup = device2.createBindGroup({
      layout: pipelines.paramsLayout,
      entries: [{ binding: 0, resource }]
    });
  }
  device;
  pipelines;
  limits;
  budget;
  /** The number of the batch being recorded; a block's `lastBatch` equals it when that batch uses the block. */
  id = 1;
  /** The label of the last kernel recorded, for messages. */
  lastLabel = "";
  /** Told of every dispatch while a function is captured. */
  recorder = null;
  encoder = null;
  pass = null;
  arena;
  arenaGroup;
  params = new DataView(new ArrayBuffer(ARENA_BYTES));
  paramsUsed = 0;
  flops = 0;
  bytes = 0;
  timer = null;
  timings = null;
  /** While timing, each dispatch has a pass of its own. */
  splitting = true;
  record(dispatch) {
    const { kernel: kernel22, inputs, outputs } = dispatch;
    this.lastLabel = `${kernel22.file.name}.${kernel22.entry}`;
    const pipeline = this.pipelines.get(kernel22, inputs.length, outputs.length);
    const group = this.pipelines.bindGroup(pipeline, [...inputs, ...outputs]);
    const [x2, y] = this.fold(pipeline.label, dispatch.workgroups);
    if (this.paramsUsed + MAX_PARAMS_BYTES > ARENA_BYTES || this.timer?.full) this.submit();
    const pass = this.openPass(pipeline);
    pass.setPipeline(pipeline.gpu);
    pass.setBindGroup(0, group);
    const at = this.paramsUsed;
    const paramsBytes = kernel22.file.params?.bytes ?? 0;
    if (paramsBytes > 0) {
      writeParams(kernel22.file, dispatch.params ?? {}, this.params, at);
      pass.setBindGroup(1, this.arenaGroup, [at]);
      this.paramsUsed += Math.ceil(paramsBytes / PARAMS_ALIGN) * PARAMS_ALIGN;
    }
    pass.dispatchWorkgroups(x2, y);
    this.recorder?.add(pipeline, group, new Uint8Array(this.params.buffer, at, paramsBytes), [
      x2,
      y
    ]);
    this.account(dispatch);
  }
  /** Encodes a captured list again, and submits it. */
  replay({
    pipelines,
    groups,
    offsets,
    workgroups,
    paramsGroup,
    ends,
    written
  }) {
    this.submit();
    let at = 0;
    for (const end of ends) {
      for (; at < end; at++) {
        const pipeline = pipelines[at];
        this.lastLabel = pipeline.label;
        if (this.timer?.full) this.submit();
        const pass = this.openPass(pipeline);
        pass.setPipeline(pipeline.gpu);
        pass.setBindGroup(0, groups[at]);
        if (pipeline.hasParams) pass.setBindGroup(1, paramsGroup, offsets, at, 1);
        pass.dispatchWorkgroups(workgroups[2 * at], workgroups[2 * at + 1]);
      }
      this.submit();
    }
    for (const block of written) block.version++;
  }
  /** Makes copies to `destination` part of the batch, and submits it: the range, and the fault word at byte `wordAt`. */
  copyOut(source, faults, destination, wordAt) {
    this.closePass();
    const encoder = this.openEncoder();
    encoder.copyBufferToBuffer(source.block.buffer, source.offset, destination, 0, source.bytes);
    faults.moveTo(destination, wordAt, encoder);
    this.submit();
  }
  submit() {
    const { encoder } = this;
    if (!encoder) return;
    this.closePass();
    const readTimes = this.timer?.resolve(encoder);
    const commands = encoder.finish();
    if (this.paramsUsed > 0)
      this.device.queue.writeBuffer(this.arena, 0, this.params.buffer, 0, this.paramsUsed);
    this.device.queue.submit([commands]);
    if (readTimes) this.timings?.push(quietly(readTimes()));
    this.encoder = null;
    this.timer = null;
    this.paramsUsed = this.flops = this.bytes = 0;
    this.id++;
  }
  /** From here on each dispatch is timed, or with `split` false each pass, until `stopTiming`. */
  startTiming(split3) {
    this.submit();
    this.timings = [];
    this.splitting = split3;
  }
  /** Nanoseconds per dispatch, or per pass under the label of its first kernel, since `startTiming`. */
  async stopTiming() {
    this.submit();
    const timings = this.timings ?? [];
    this.timings = null;
    return (await Promise.all(timings)).flat();
  }
  /** Ends a timed region that failed. */
  abandonTiming() {
    this.timings = null;
  }
  openEncoder() {
    this.encoder ??= this.device.createCommandEncoder({ label: "batch" });
    return this.encoder;
  }
  openPass({ label }) {
    if (this.timings && (this.splitting || !this.pass)) {
      this.closePass();
      this.timer ??= new BatchTimer(this.device);
      this.pass = this.openEncoder().beginComputePass({
        label,
        timestampWrites: this.timer.next(label)
      });
    }
    this.pass ??= this.openEncoder().beginComputePass({ label });
    return this.pass;
  }
  closePass() {
    this.pass?.end();
    this.pass = null;
  }
  account({ inputs, outputs, flops = 0 }) {
    for (const binding of inputs) this.use(binding, false);
    for (const binding of outputs) this.use(binding, true);
    this.flops += flops;
    if (this.flops < this.budget.flops && this.bytes < this.budget.bytes) return;
    this.recorder?.split();
    this.submit();
  }
  use({ block, bytes }, writes) {
    block.lastBatch = this.id;
    if (writes) block.version++;
    this.bytes += bytes;
    this.recorder?.bind(block, writes);
  }
  fold(label, workgroups) {
    const most = this.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups <= most) return [workgroups, 1];
    const y = Math.ceil(workgroups / most);
    if (y > most)
      throw new LimitError(
        `${label}: ${workgroups} workgroups exceed the limit of ${most} x ${most}`
      );
    return [Math.ceil(workgroups / y), y];
  }
};
function quietly(promise) {
  promise.catch(() => {
  });
  return promise;
}

// src/gpu/capture.ts
init_errors();

// src/gpu/captured_blocks.ts
var CapturedBlocks = class {
  /** Freed during the capture though not taken by it: a replay may read them, so nothing else may write them. */
  parked = [];
  taken = /* @__PURE__ */ new Set();
  free = /* @__PURE__ */ new Map();
  /** A block that the captured function has freed. */
  take(size) {
    return this.free.get(size)?.pop();
  }
  own(block) {
    this.taken.add(block);
  }
  /** Holds back a block that is freed; false for one that is broken. */
  keep(block) {
    if (block.broken) return false;
    const list2 = this.taken.has(block) ? this.listOf(block.bytes) : this.parked;
    list2.push(block);
    return true;
  }
  /** What it has taken and not given away. */
  idle() {
    return [...this.free.values()].flat();
  }
  listOf(bytes) {
    const list2 = this.free.get(bytes) ?? [];
    this.free.set(bytes, list2);
    return list2;
  }
};

// src/gpu/capture.ts
var Recorder = class {
  blocks = new CapturedBlocks();
  /** Every block that a kernel is bound to. */
  used = /* @__PURE__ */ new Set();
  pipelines = [];
  groups = [];
  offsets = [];
  workgroups = [];
  ends = [];
  written = /* @__PURE__ */ new Set();
  params = new Uint8Array(1 << 14);
  paramsUsed = 0;
  refusal = null;
  /** Appends a dispatch; `params` is its struct, empty where the kernel has none. */
  add(pipeline, group, params, [x2, y]) {
    this.pipelines.push(pipeline);
    this.groups.push(group);
    this.offsets.push(params.length > 0 ? this.keep(params) : 0);
    this.workgroups.push(x2, y);
  }
  /** Notes what a dispatch is bound to. */
  bind(block, writes) {
    this.used.add(block);
    if (writes) this.written.add(block);
  }
  /** A submit ends here. */
  split() {
    if (this.ends.at(-1) !== this.pipelines.length) this.ends.push(this.pipelines.length);
  }
  /** @throws CaptureError, now and at the end of the capture: a replay would not do what the function does. */
  refuse(reason) {
    this.refusal ??= new CaptureError(`capture: the function cannot be replayed: ${reason}`);
    throw this.refusal;
  }
  /** @throws CaptureError when something was refused, also where the function caught it. */
  check() {
    if (this.refusal) throw this.refusal;
  }
  /** The finished list; its arena is the caller's to destroy. */
  finish(device2, paramsLayout) {
    this.split();
    const arena = this.paramsUsed > 0 ? this.makeArena(device2) : null;
    const resource = arena && { buffer: arena, size: MAX_PARAMS_BYTES };
    const list2 = {
      pipelines: this.pipelines,
      groups: this.groups,
      offsets: Uint32Array.from(this.offsets),
      workgroups: Uint32Array.from(this.workgroups),
      paramsGroup: resource && device2.createBindGroup({ layout: paramsLayout, entries: [{ binding: 0, resource }] }),
      ends: this.ends,
      written: [...this.written]
    };
    return { list: list2, arena };
  }
  keep(params) {
    const at = this.paramsUsed;
    this.paramsUsed += Math.ceil(params.length / PARAMS_ALIGN) * PARAMS_ALIGN;
    if (this.paramsUsed > this.params.length) {
      const grown = new Uint8Array(2 * this.paramsUsed);
      grown.set(this.params);
      this.params = grown;
    }
    this.params.set(params, at);
    return at;
  }
  makeArena(device2) {
    const size = this.paramsUsed + MAX_PARAMS_BYTES;
    const usage = USAGE.UNIFORM | USAGE.COPY_DST;
    const arena = device2.createBuffer({ size, usage, label: "captured params" });
    device2.queue.writeBuffer(arena, 0, this.params, 0, this.paramsUsed);
    return arena;
  }
};

// src/gpu/choices.ts
var ANY = "*";
var Choices = class {
  pinned = /* @__PURE__ */ new Map();
  measured = /* @__PURE__ */ new Map();
  taken = /* @__PURE__ */ new Map();
  /** The variant that was pinned or measured; undefined: the family decides. */
  get(family, shapeClass) {
    const pinned = this.pinned.get(family);
    return pinned?.get(shapeClass) ?? pinned?.get(ANY) ?? this.measured.get(family)?.get(shapeClass);
  }
  /** Notes what a launch took. */
  note(family, shapeClass, variant) {
    const classes = this.taken.get(family);
    if (classes) classes.set(shapeClass, variant);
    else this.taken.set(family, /* @__PURE__ */ new Map([[shapeClass, variant]]));
  }
  /** What has been taken so far. */
  get used() {
    return tableOf(this.taken);
  }
  /** What was measured and what has been taken: with it, `setMeasured` makes another device choose alike. */
  get table() {
    const all = mapOf(tableOf(this.measured));
    for (const [family, classes] of this.taken) {
      all.set(family, new Map([...all.get(family) ?? [], ...classes]));
    }
    return tableOf(all);
  }
  /** What the launches of `fn` take. */
  takenBy(fn) {
    const { taken } = this;
    this.taken = /* @__PURE__ */ new Map();
    try {
      fn();
      return this.used;
    } finally {
      this.taken = taken;
    }
  }
  /** Takes these whatever is measured; the class `*` stands for all. Replaces what was pinned before. */
  pin(table2) {
    this.pinned = mapOf(table2);
  }
  /** Runs `fn` with these pinned, and then what was pinned before. */
  withPinned(table2, fn) {
    const before = this.pinned;
    this.pin(table2);
    try {
      return fn();
    } finally {
      this.pinned = before;
    }
  }
  /** Takes these where nothing is pinned: the tuner's results, or a resumed run's. */
  setMeasured(table2) {
    this.measured = mapOf(table2);
  }
};
function isChoiceTable(value) {
  const isObject = (x2) => typeof x2 === "object" && x2 !== null && !Array.isArray(x2);
  const isClasses = (x2) => isObject(x2) && Object.values(x2).every((name) => typeof name === "string");
  return isObject(value) && Object.values(value).every(isClasses);
}
var mapOf = (table2) => new Map(
  Object.entries(table2).map(([family, classes]) => [family, new Map(Object.entries(classes))])
);
var tableOf = (map) => Object.fromEntries([...map].map(([family, classes]) => [family, Object.fromEntries(classes)]));

// src/gpu/failures.ts
var GRACE_MILLISECONDS = 50;
var Failures = class {
  first = null;
  last = null;
  lost = null;
  waiting = /* @__PURE__ */ new Set();
  /** Notes an error for the next awaited call. */
  record(error) {
    if (this.last) this.last.cause = error;
    this.first ??= error;
    this.last = error;
  }
  /** Rejects whoever waits, and all who come. */
  lose(error) {
    this.lost ??= error;
    for (const reject of this.waiting) reject(this.lost);
    this.waiting.clear();
  }
  /** @throws DeviceLostError once the device is gone. */
  checkAlive() {
    if (this.lost) throw this.lost;
  }
  /** Waits for `work`, and rejects with what went wrong on the GPU in the meantime. */
  settle(work) {
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      const settled = (finish) => {
        this.waiting.delete(reject);
        const failure = this.lost ?? this.first;
        this.first = this.last = null;
        if (failure) reject(failure);
        else finish();
      };
      work.then(
        (value) => settled(() => resolve(value)),
        (error) => setTimeout(() => settled(() => reject(error)), GRACE_MILLISECONDS)
      );
    });
  }
};

// src/gpu/faults.ts
init_errors();
var WORD_BYTES = 4;
var Faults = class {
  block;
  messages = [];
  constructor(device2) {
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const buffer = device2.createBuffer({ size: WORD_BYTES, usage, label: "fault" });
    this.block = newBlock(0, buffer, WORD_BYTES);
    this.block.holders = 1;
  }
  /** The word, as the last output of a kernel that may report a fault. */
  get binding() {
    return { block: this.block, offset: 0, bytes: WORD_BYTES };
  }
  /** What the kernel has to store, if the word is still 0, to report this message. */
  code(message) {
    const known = this.messages.indexOf(message);
    return known >= 0 ? known + 1 : this.messages.push(message);
  }
  /** Moves the word to byte `at` of `destination`: copies it and starts again at 0. */
  moveTo(destination, at, encoder) {
    encoder.copyBufferToBuffer(this.block.buffer, 0, destination, at, WORD_BYTES);
    encoder.clearBuffer(this.block.buffer, 0, WORD_BYTES);
  }
  /** @throws DataError unless the word is 0. */
  check(word) {
    if (word > 0) throw new DataError(this.messages[word - 1]);
  }
};

// kernels/lib/attention.wgsl
var attention_default = "// What the attention kernels share: which rows a workgroup owns, which keys a query sees, weights, dropout.\n\nconst FOUR = vec4u(0u, 1u, 2u, 3u);\nconst EXP_MIN = -87f;          // e^-87 is the last power that is not subnormal\n\n/// What a workgroup owns: rows of one head from `row` on, and columns, counted in vec4f, from `column` on.\nstruct Job { batch: u32, head: u32, row: u32, column: u32 }\n\n/// `heads` per batch, `tiles` of `rows` per head, `chunks` of `columns` per tile.\nfn job_of(index: u32, heads: u32, tiles: u32, rows: u32, chunks: u32, columns: u32) -> Job {\n  let head = index / (chunks * tiles);\n  let tile = index / chunks % tiles;\n  return Job(head / heads, head % heads, tile * rows, index % chunks * columns);\n}\n\n/// Where a head begins; `at`: strides along batch, head and time, and the start.\nfn head_start(at: vec4u, batch: u32, head: u32) -> u32 {\n  return at.w + batch * at.x + head * at.y;\n}\n\n/// Query i sees no key from this index on, of Tk keys, `length` of which are there: causal is aligned to the last key.\nfn keys_end(i: u32, Tq: u32, Tk: u32, causal: u32, length: i32) -> u32 {\n  let end = select(i32(Tk), i32(i + 1u + Tk) - i32(Tq), causal != 0u);\n  return u32(max(0, min(end, length)));\n}\n\n/// The first query that sees key j: the inverse of `keys_end`.\nfn queries_start(j: u32, Tq: u32, Tk: u32, causal: u32) -> u32 {\n  return select(0u, u32(max(0, i32(j + Tq) - i32(Tk))), causal != 0u);\n}\n\n/// Which of four indices lie in a range, from .x up to but without .y.\nfn within(t: vec4u, range: vec2u) -> vec4<bool> {\n  return (t >= vec4u(range.x)) & (t < vec4u(range.y));\n}\n\n/// exp(s - top) where seen, else 0.\nfn score_weight(s: vec4f, seen: vec4<bool>, top: vec4f) -> vec4f {\n  return select(vec4f(), exp(clamp(s - top, vec4f(EXP_MIN), vec4f())), seen);\n}\n\n/// 0 or 1 / (1 - p) for one query and keys j to j + 3, j a multiple of 4: a Philox block per query and four keys.\nfn kept_keys(query: u32, j: u32, stream: u32, p: f32, seed: vec2u, step: u32) -> vec4f {\n  let words = philox(vec4u(j / 4u, step, stream, query + 1u), seed);\n  let u = vec4f(words >> vec4u(8u)) * 0x1p-24f;\n  return select(vec4f(1f / (1f - p)), vec4f(), u < vec4f(p));\n}\n\n/// Indices of four vec4f columns; those past the end repeat the last one.\nfn columns_at(column: u32, D4: u32) -> vec4u {\n  return min(vec4u(column) + FOUR, vec4u(D4 - 1u));\n}\n";

// kernels/lib/elements.wgsl
var elements_default = "// Elements that stand for themselves: which of them a thread owns.\n//\n// A workgroup owns SPAN_THREADS * SPAN_PER_THREAD neighbours, and its threads walk them side by side. GPUs hide the wait\n// for memory behind threads; on CPUs each workgroup costs about as much as 100 elements, so that few threads take many.\n\nconst SPAN_THREADS: u32 = 64;     // of a workgroup; also from one of a thread's elements to its next\nconst SPAN_PER_THREAD: u32 = 1;\n\n/// What a thread owns: first, first + SPAN_THREADS, \u2026 below end.\nstruct Span { first: u32, end: u32 }\n\n/// The thread's share of `size` elements.\nfn span_of(group: vec3u, groups: vec3u, lane: u32, size: u32) -> Span {\n  let begin = (group.x + group.y * groups.x) * (SPAN_THREADS * SPAN_PER_THREAD);\n  return Span(begin + lane, min(begin + SPAN_THREADS * SPAN_PER_THREAD, size));\n}\n";

// kernels/lib/math.wgsl
var math_default = "// The only home of numeric workarounds: elementary functions whose accuracy does not depend on the adapter.\n//\n// WGSL leaves exp, log, tanh, sin and cos loose (log: 2^-21 near 1; sin, cos: 2^-11; tanh(100) is NaN on SwiftShader),\n// so these use only + - *, one division (2.5 ULP), and bits. Errors are the worst measured against float64 on Mesa\n// lavapipe and SwiftShader, over all magnitudes of a finite argument; results below 2^-126 may be 0. For NaN and\n// infinity the results are unspecified, except where a comment says so.\n//\n// Every polynomial is a minimax fit of the function named beside it (Lawson's iteration on 400 Chebyshev nodes,\n// weighted by the relative error of the result), its coefficients rounded to float32.\n\nconst LOWEST: f32 = -3.4028234663852886e38f;  // the most negative f32: what a masked score is set to\nconst LARGEST: f32 = 3.4028234663852886e38f;\nconst SMALLEST_NORMAL: f32 = 1.1754943508222875e-38f;\nconst LN2_HIGH: f32 = 0.693145751953125f;     // ln 2 in 15 bits: exact when multiplied by an exponent\nconst LN2_LOW: f32 = 1.4286068203094172e-6f;  // ln 2 - LN2_HIGH\n\n/// True for NaN; x != x is false for it on both software adapters.\nfn is_nan(x: f32) -> bool {\n  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;\n}\n\n/// False for NaN and both infinities.\nfn is_finite(x: f32) -> bool {\n  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;\n}\n\n/// e^x; 0 below -87.336 (the smallest normal), LARGEST above 88.722. Relative error 1.2e-7.\nfn exp_safe(x: f32) -> f32 {\n  // x = n ln 2 + r, |r| <= ln 2 / 2\n  let n = round(clamp(x, -88.0, 89.0) * 1.4426950408889634f);\n  let r = (x - n * LN2_HIGH) - n * LN2_LOW;\n  // (e^r - 1 - r) / r^2\n  var p = 0.00138146104f;\n  p = p * r + 0.00836871006f;\n  p = p * r + 0.041668389f;\n  p = p * r + 0.166665211f;\n  p = p * r + 0.49999994f;\n  let power = 1.0 + (r + r * r * p);\n  let scaled = bitcast<f32>(bitcast<i32>(power) + (i32(n) << 23u));\n  return select(select(scaled, LARGEST, x > 88.72283f), 0.0, x < -87.33654f);\n}\n\n/// ln(1 + f) for 1/sqrt(2) <= 1 + f <= 2. Relative error 1.2e-7.\nfn log1p_reduced(f: f32) -> f32 {\n  // ln(1 + f) = 2 atanh(s) = 2s + s^3 P(s^2), s = f / (2 + f); and 2s = f - s f, which keeps the first term exact\n  let s = f / (2.0 + f);\n  let z = s * s;\n  // (2 atanh(s) - 2s) / s^3, |s| <= 1/3\n  var p = 0.280120194f;\n  p = p * z + 0.280017972f;\n  p = p * z + 0.400215268f;\n  p = p * z + 0.666664183f;\n  return f - s * (f - z * p);\n}\n\n/// ln x; -inf for 0 (and below 2^-126), NaN for x < 0 and NaN, +inf for +inf. Relative error 8.3e-8.\nfn log_precise(x: f32) -> f32 {\n  let bits = bitcast<i32>(x);\n  // x = 2^exponent m, 1/sqrt(2) <= m < sqrt(2)\n  let exponent = (bits - 0x3f3504f3) >> 23u;\n  let m = bitcast<f32>(bits - (exponent << 23u));\n  let e = f32(exponent);\n  let finite = e * LN2_HIGH + (log1p_reduced(m - 1.0) + e * LN2_LOW);\n  // Special values are made of bits: the compiler may assume that arithmetic meets none.\n  var special = 0x7fc00000;\n  if (bits == 0x7f800000) { special = bits; }\n  if ((bits & 0x7f800000) == 0) { special = -0x800000; }\n  return bitcast<f32>(select(special, bitcast<i32>(finite), bits >= 0x00800000 && bits < 0x7f800000));\n}\n\n/// ln max(x, 2^-126): at least -87.34, so that the log of a probability that underflowed stays finite.\nfn log_safe(x: f32) -> f32 {\n  return log_precise(max(x, SMALLEST_NORMAL));\n}\n\n/// tanh x; +-1 from |x| = 10 on. Relative error 1.5e-7.\nfn tanh_safe(x: f32) -> f32 {\n  let a = min(abs(x), 10.0);\n  // (tanh x - x) / x^3, |x| <= 0.625\n  let z = a * a;\n  var p = -0.00570497848f;\n  p = p * z + 0.0206390787f;\n  p = p * z - 0.0537397116f;\n  p = p * z + 0.133314416f;\n  p = p * z - 0.333332807f;\n  let small = a + a * z * p;\n  let t = exp_safe(-2.0 * a);\n  let large = 1.0 - 2.0 * t / (1.0 + t);\n  let magnitude = select(large, small, a < 0.625);\n  return select(magnitude, -magnitude, x < 0.0);\n}\n\n/// 1 / (1 + e^-x). Relative error 2.1e-7.\nfn sigmoid(x: f32) -> f32 {\n  let t = exp_safe(-abs(x));\n  return select(1.0, t, x < 0.0) / (1.0 + t);\n}\n\n/// ln(1 + e^x). Relative error 1.6e-7.\nfn softplus(x: f32) -> f32 {\n  return max(x, 0.0) + log1p_reduced(exp_safe(-abs(x)));\n}\n\n/// erfc(sqrt(a2)) = 1 - erf(a), given a >= 0 and a2 = a^2.\nfn erfc_positive(a: f32, a2: f32) -> f32 {\n  let t = 1.0 / (1.0 + 0.5 * a);\n  // erfc(a) e^(a^2) / t, 0 <= a <= 10.5\n  var p = -0.0591935664f;\n  p = p * t + 0.285183936f;\n  p = p * t - 0.488463074f;\n  p = p * t + 0.279514968f;\n  p = p * t - 0.0276249722f;\n  p = p * t + 0.203110531f;\n  p = p * t + 0.242996469f;\n  p = p * t + 0.282390088f;\n  p = p * t + 0.282085568f;\n  return exp_safe(-a2) * t * p;\n}\n\n/// The error function. Relative error 1.8e-7.\nfn erf(x: f32) -> f32 {\n  let a = min(abs(x), 5.0);\n  let z = a * a;\n  // erf(x) / x, |x| <= 1\n  var p = 7.85385419e-5f;\n  p = p * z - 0.000801019138f;\n  p = p * z + 0.00518832728f;\n  p = p * z - 0.026853811f;\n  p = p * z + 0.112835854f;\n  p = p * z - 0.37612626f;\n  p = p * z + 1.12837911f;\n  let magnitude = select(1.0 - erfc_positive(a, z), a * p, a < 1.0);\n  return select(magnitude, -magnitude, x < 0.0);\n}\n\n/// The standard normal's distribution function: (1 + erf(x / sqrt 2)) / 2. Absolute error 1.9e-7; relative 1.2e-6 for\n/// x > -6, 4.1e-6 for x > -12.9.\nfn normal_cdf(x: f32) -> f32 {\n  let a = min(abs(x), 14.0);\n  let tail = 0.5 * erfc_positive(a * 0.7071067811865476f, 0.5 * a * a);\n  return select(1.0 - tail, tail, x < 0.0);\n}\n\n/// sqrt x for a normal x or 0. Relative error 6.0e-8; WGSL's own may be off by 4.5 ULP.\nfn sqrt_precise(x: f32) -> f32 {\n  let s = sqrt(x);\n  return select(s + 0.5 * (x - s * s) / s, 0.0, x < SMALLEST_NORMAL);\n}\n\n/// (sin, cos) of 2 pi u, |u| < 2^23. Absolute error 9.2e-8.\nfn sincos_turns(u: f32) -> vec2f {\n  // u = whole turns + quadrant / 4 + r, |r| <= 1/8: each subtraction is exact\n  let fraction = u - round(u);\n  let quadrant = round(4.0 * fraction);\n  let r = fraction - 0.25 * quadrant;\n  let z = r * r;\n  // sin(2 pi r) / r\n  var sine = -75.3935471f;\n  sine = sine * z + 81.5923538f;\n  sine = sine * z - 41.3416595f;\n  sine = (sine * z + 6.28318548f) * r;\n  // (cos(2 pi r) - 1) / r^2\n  var cosine = 59.2459602f;\n  cosine = cosine * z - 85.4437408f;\n  cosine = cosine * z + 64.9393234f;\n  cosine = 1.0 + (cosine * z - 19.7392082f) * z;\n  return turned_by_quarters(vec2f(sine, cosine), i32(quadrant));\n}\n\n/// (sin x, cos x) for |x| < 2^13, x in radians. Absolute error 1.2e-7.\nfn sincos(x: f32) -> vec2f {\n  // x = q pi/2 + r, |r| <= pi/4; pi/2 in three parts, of which the first two have so few bits that q times them is exact\n  let q = round(x * 0.63661977f);\n  let r = ((x - q * 1.5703125f) - q * 0.0004837512969970703f) - q * 7.54979013e-8f;\n  let z = r * r;\n  // (sin r - r) / r^3\n  var sine = -0.000195152184f;\n  sine = sine * z + 0.0083321603f;\n  sine = sine * z - 0.166666552f;\n  sine = r + r * z * sine;\n  // (cos r - 1 + r^2 / 2) / r^4\n  var cosine = 2.44330822e-5f;\n  cosine = cosine * z - 0.00138873153f;\n  cosine = cosine * z + 0.0416666456f;\n  cosine = 1.0 - 0.5 * z + z * z * cosine;\n  return turned_by_quarters(vec2f(sine, cosine), i32(q));\n}\n\n/// (sin, cos) of an angle q quarter turns further.\nfn turned_by_quarters(angle: vec2f, q: i32) -> vec2f {\n  let odd = select(angle, vec2f(angle.y, -angle.x), (q & 1) == 1);\n  return select(odd, -odd, (q & 2) == 2);\n}\n";

// kernels/lib/matrix.wgsl
var matrix_default = "// What the kernels of matrix products share: where the matrices of a batch start, one step of a 4 x 4 tile, and the\n// activation that ends a linear layer.\n\n/// The starts of a, b and y in matrix `index` of a batch of up to four axes; a stride of 0 broadcasts.\nfn batch_starts(index: u32, shape: vec4u, aStrides: vec4u, bStrides: vec4u, yStrides: vec4u) -> vec3u {\n  var rest = index;\n  var starts = vec3u();\n  for (var axis = 3i; axis >= 0; axis--) {\n    let at = rest % shape[axis];\n    rest /= shape[axis];\n    starts += at * vec3u(aStrides[axis], bStrides[axis], yStrides[axis]);\n  }\n  return starts;\n}\n\n/// tile + column row\u1D40; tile[i] is its row i.\nfn rank_one(tile: mat4x4f, column: vec4f, row: vec4f) -> mat4x4f {\n  return mat4x4f(\n    fma(column.xxxx, row, tile[0]), fma(column.yyyy, row, tile[1]),\n    fma(column.zzzz, row, tile[2]), fma(column.wwww, row, tile[3]),\n  );\n}\n\n/// The rows of a tile moved up by one; the first of the tile below follows.\nfn moved_up(tile: mat4x4f, below: mat4x4f) -> mat4x4f {\n  return mat4x4f(tile[1], tile[2], tile[3], below[0]);\n}\n\nconst ACTIVATION_NONE = 0u;\nconst ACTIVATION_RELU = 1u;\nconst ACTIVATION_GELU = 2u;        // x \u03A6(x)\nconst ACTIVATION_GELU_TANH = 3u;   // x/2 (1 + tanh(\u221A(2/\u03C0) (x + 0.044715 x\xB3)))\nconst ACTIVATION_SILU = 4u;        // x \u03C3(x)\n\n/// f(x) for one of the kinds above.\nfn activate(kind: u32, x: f32) -> f32 {\n  switch kind {\n    case ACTIVATION_RELU: { return max(x, 0f); }\n    case ACTIVATION_GELU: { return x * normal_cdf(x); }\n    case ACTIVATION_GELU_TANH: {\n      return 0.5 * x * (1f + tanh_safe(0.7978845608028654 * (x + 0.044715 * x * x * x)));\n    }\n    case ACTIVATION_SILU: { return x * sigmoid(x); }\n    default: { return x; }\n  }\n}\n";

// kernels/lib/packed.wgsl
var packed_default = "// Elements of frozen weights that are kept in u32 words.\n\nconst WEIGHT: u32 = WEIGHT_F32;\nconst WEIGHT_F32 = 0u;\nconst WEIGHT_F16 = 1u;    // two to a word, the first in the lower half\nconst WEIGHT_BF16 = 2u;\nconst WEIGHT_INT8 = 3u;   // four to a word, the first the lowest; four more words end a row, the first its scale's bits\n\n/// Four halves.\nfn unpacked_halves(words: vec2u) -> vec4f {\n  if (WEIGHT == WEIGHT_BF16) { return bitcast<vec4f>((words.xxyy << vec4u(16u, 0u, 16u, 0u)) & vec4u(0xffff0000u)); }\n  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));\n}\n\nconst BYTE_UNIT: f32 = 0x1p-24f;\n\n/// Four signed bytes over BYTE_UNIT. A shift is a product here: the one of SwiftShader goes lane by lane.\nfn unpacked_bytes(word: u32) -> vec4f {\n  return vec4f(vec4i((word * vec4u(0x1000000u, 0x10000u, 0x100u, 1u)) & vec4u(0xff000000u)));\n}\n\n/// The scale of a row of bytes, over what its bytes are taken by.\nfn byte_scale(tail: vec4u) -> f32 {\n  return BYTE_UNIT * bitcast<f32>(tail.x);\n}\n";

// kernels/lib/random.wgsl
var random_default = "// Philox 4x32-10, the same mapping of elements to words as src/tensor/philox.ts (which defines it):\n//\n//   counter = (floor(element / 4), step, stream, 0)      key = the seed's low and high word\n//   element i is word i mod 4 of its block; normals come in pairs of words\n//\n// Needs math.wgsl in front of it. Bits and uniforms are identical on every adapter; normals differ from the float64\n// value by at most 2.4e-7 * max(1, |z|) (lavapipe, SwiftShader).\n\n/// The upper 32 bits of a * b, by 16-bit halves: no partial sum exceeds 32 bits.\nfn multiply_high(a: u32, b: u32) -> u32 {\n  let a_low = a & 0xffffu;\n  let a_high = a >> 16u;\n  let b_low = b & 0xffffu;\n  let b_high = b >> 16u;\n  let cross = a_high * b_low + ((a_low * b_low) >> 16u);\n  let middle = a_low * b_high + (cross & 0xffffu);\n  return a_high * b_high + (cross >> 16u) + (middle >> 16u);\n}\n\n/// The block of four words that belongs to a counter under a key.\nfn philox(counter: vec4u, key: vec2u) -> vec4u {\n  var c = counter;\n  var k = key;\n  for (var round = 0u; round < 10u; round++) {\n    let high0 = multiply_high(0xd2511f53u, c.x);\n    let high1 = multiply_high(0xcd9e8d57u, c.z);\n    c = vec4u(high1 ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high0 ^ c.w ^ k.y, 0xd2511f53u * c.x);\n    k += vec2u(0x9e3779b9u, 0xbb67ae85u);\n  }\n  return c;\n}\n\n/// The word of an element.\nfn random_bits(element: u32, stream: u32, step: u32, key: vec2u) -> u32 {\n  return philox(vec4u(element / 4u, step, stream, 0u), key)[element % 4u];\n}\n\n/// A word as a uniform in [0, 1): exact.\nfn uniform_from_bits(bits: u32) -> f32 {\n  return f32(bits >> 8u) * 0x1p-24f;\n}\n\n/// The uniform in [0, 1) of an element.\nfn random_uniform(element: u32, stream: u32, step: u32, key: vec2u) -> f32 {\n  return uniform_from_bits(random_bits(element, stream, step, key));\n}\n\n/// Box-Muller: two words give two independent standard normals.\nfn normal_pair(even: u32, odd: u32) -> vec2f {\n  // r = sqrt(-2 ln u), u in (0, 1];  (r cos 2 pi v, r sin 2 pi v)\n  let u = f32((even >> 8u) + 1u) * 0x1p-24f;\n  let radius = sqrt_precise(-2.0 * log_precise(u));\n  return radius * sincos_turns(uniform_from_bits(odd)).yx;\n}\n\n/// The standard normal of an element.\nfn random_normal(element: u32, stream: u32, step: u32, key: vec2u) -> f32 {\n  let words = philox(vec4u(element / 4u, step, stream, 0u), key);\n  let words_of_pair = select(words.xy, words.zw, (element & 2u) != 0u);\n  return normal_pair(words_of_pair.x, words_of_pair.y)[element % 2u];\n}\n";

// kernels/lib/reduce.wgsl
var reduce_default = "// The only tree reductions of the project: one value from all lanes of a workgroup.\n//\n// A kernel that reduces declares @workgroup_size(LANES), calls these from uniform control flow, and gets the\n// result on every lane. The order is fixed by LANES alone: the same bits on every run. Of one lane the value is its own,\n// without barriers: the workgroup may then have any size.\n\nconst LANES: u32 = 64;  // threads of a workgroup that reduces; a power of two\n\nvar<workgroup> reduce_scratch: array<f32, LANES>;\nvar<workgroup> reduce_fours: array<vec4f, LANES>;\nvar<workgroup> reduce_indices: array<u32, LANES>;\n\n/// \u03A3 over the lanes.\nfn workgroup_sum(value: f32, lane: u32) -> f32 {\n  if (LANES == 1u) { return value; }\n  reduce_scratch[lane] = value;\n  workgroupBarrier();\n  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n    if (lane < half) { reduce_scratch[lane] += reduce_scratch[lane + half]; }\n    workgroupBarrier();\n  }\n  let total = reduce_scratch[0];\n  workgroupBarrier();  // before the next call overwrites it\n  return total;\n}\n\n/// \u03A3 over the lanes, of four values at once.\nfn workgroup_sum_of_fours(values: vec4f, lane: u32) -> vec4f {\n  if (LANES == 1u) { return values; }\n  reduce_fours[lane] = values;\n  workgroupBarrier();\n  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n    if (lane < half) { reduce_fours[lane] += reduce_fours[lane + half]; }\n    workgroupBarrier();\n  }\n  let total = reduce_fours[0];\n  workgroupBarrier();\n  return total;\n}\n\n/// The largest value over the lanes.\nfn workgroup_max(value: f32, lane: u32) -> f32 {\n  if (LANES == 1u) { return value; }\n  reduce_scratch[lane] = value;\n  workgroupBarrier();\n  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n    if (lane < half) { reduce_scratch[lane] = max(reduce_scratch[lane], reduce_scratch[lane + half]); }\n    workgroupBarrier();\n  }\n  let top = reduce_scratch[0];\n  workgroupBarrier();\n  return top;\n}\n\n/// The index that belongs to the largest value; ties go to the lowest index.\nfn workgroup_argmax(value: f32, index: u32, lane: u32) -> u32 {\n  if (LANES == 1u) { return index; }\n  reduce_scratch[lane] = value;\n  reduce_indices[lane] = index;\n  workgroupBarrier();\n  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n    if (lane < half) {\n      let other = reduce_scratch[lane + half];\n      let otherIndex = reduce_indices[lane + half];\n      let mine = reduce_scratch[lane];\n      if (other > mine || (other == mine && otherIndex < reduce_indices[lane])) {\n        reduce_scratch[lane] = other;\n        reduce_indices[lane] = otherIndex;\n      }\n    }\n    workgroupBarrier();\n  }\n  let index0 = reduce_indices[0];\n  workgroupBarrier();\n  return index0;\n}\n";

// kernels/lib/rows.wgsl
var rows_default = "// Rows of a dense tensor (outer, cols, inner), each shared by the lanes of a workgroup or owned by one thread; needs\n// reduce.wgsl and math.wgsl beside it.\n//\n// A row is read in vectors of four where its elements are adjacent and their number allows it, else element by element:\n// `alias Element` of the kernel is what a binding holds, a Floats the same in f32. Functions below that mix the\n// components of a Floats take it as a vec4f, which a single f32 fills.\n//\n// Software adapters run a workgroup's lanes one SIMD group after the other, and each barrier between them costs a task\n// switch: there a thread per row is two to three times as fast (softmax of 4096 x 512, lavapipe). A load costs them\n// more than an exponential, and a vector's load less than half of its elements' four.\n\nalias Floats = f32;           // or vec4f\nconst FLOATS: u32 = 1u;       // components of a Floats\nconst PLACES: Floats = 0f;    // the place of each; vec4f(0f, 1f, 2f, 3f)\nconst ROW_PER_THREAD: bool = false;\n\n/// From one of a thread's vectors to its next, in a row whose elements are adjacent.\nconst STEP: u32 = select(LANES, 1u, ROW_PER_THREAD);\n\n/// What a thread owns of a row: the vectors first, first + step, \u2026 below end; up to `fours` in whole groups of four.\nstruct Part { first: u32, step: u32, fours: u32, end: u32 }\n\n/// The row that a thread works on.\nfn row_of(workgroup: u32, lane: u32) -> u32 {\n  return select(workgroup, workgroup * LANES + lane, ROW_PER_THREAD);\n}\n\n/// Its part of a row, in vectors of the tensor; nothing of a row that does not exist, so that all reach the barriers.\nfn part_of_row(row: u32, rows: u32, cols: u32, inner: u32, lane: u32) -> Part {\n  let vectors = cols / FLOATS;\n  let start = row / inner * vectors * inner + row % inner;\n  let first = select(lane, 0u, ROW_PER_THREAD);\n  let end = select(0u, vectors, row < rows);\n  let count = (max(end, first) - first + STEP - 1u) / STEP;\n  let fours = first + count / 4u * 4u * STEP;\n  return Part(start + first * inner, STEP * inner, start + fours * inner, start + end * inner);\n}\n\n/// \u03A3 over the threads that share a row.\nfn row_sum(value: f32, lane: u32) -> f32 {\n  if (ROW_PER_THREAD) { return value; }\n  return workgroup_sum(value, lane);\n}\n\n/// The largest value over the threads that share a row.\nfn row_max(value: f32, lane: u32) -> f32 {\n  if (ROW_PER_THREAD) { return value; }\n  return workgroup_max(value, lane);\n}\n\n/// \u03A3 of the components of a Floats.\nfn sum_of(v: vec4f) -> f32 {\n  return select(v.x, sum_of_four(v), FLOATS == 4u);\n}\n\n/// \u03A3 of the components.\nfn sum_of_four(v: vec4f) -> f32 {\n  return (v.x + v.y) + (v.z + v.w);\n}\n\n/// The largest component.\nfn max_of_four(v: vec4f) -> f32 {\n  return max(max(v.x, v.y), max(v.z, v.w));\n}\n\n/// e^x of x <= 0, where the absolute error counts: weights beside a largest one of 1. WGSL's exp may be off by\n/// 3 + 2|x| ULP, which e^x outweighs: 2.1e-7 at most, at a third of exp_safe's work. Exactly 0 below -87.336, for\n/// -infinity too.\nfn exp_nonpositive(x: Floats) -> Floats {\n  return select(exp(x), Floats(0), x < Floats(-87.33654f));\n}\n\n/// The same of four numbers, whatever Floats are.\nfn exp_nonpositive_four(x: vec4f) -> vec4f {\n  return select(exp(x), vec4f(0), x < vec4f(-87.33654f));\n}\n\n/// The largest of the numbers x so far, and \u03A3 exp(x - top); of each component apart (Milakov & Gimelshein 2018).\nstruct Exps { top: Floats, sum: Floats }\n\n/// Of no numbers.\nfn no_exps() -> Exps {\n  return Exps(Floats(LOWEST), Floats(0));\n}\n\n/// With one more.\nfn add_exp(e: Exps, x: Floats) -> Exps {\n  let top = max(e.top, x);\n  return Exps(top, e.sum * exp_nonpositive(e.top - top) + exp_nonpositive(x - top));\n}\n\n/// With four more, for which what was summed is scaled only once.\nfn add_four_exps(e: Exps, a: Floats, b: Floats, c: Floats, d: Floats) -> Exps {\n  let top = max(e.top, max(max(a, b), max(c, d)));\n  let ab = exp_nonpositive(a - top) + exp_nonpositive(b - top);\n  let cd = exp_nonpositive(c - top) + exp_nonpositive(d - top);\n  return Exps(top, e.sum * exp_nonpositive(e.top - top) + (ab + cd));\n}\n\n/// The row's largest number, and \u03A3 exp(x - the largest), of what its threads have found.\nfn row_exps(e: Exps, lane: u32) -> vec2f {\n  let top = row_max(max_of_four(vec4f(e.top)), lane);\n  return vec2f(top, row_sum(sum_of(vec4f(e.sum * exp_nonpositive(e.top - top))), lane));\n}\n\n/// How many numbers x so far, their mean, and \u03A3 (x - mean)\xB2; of each component apart (Welford 1962): a large mean costs\n/// no digits.\nstruct Moments { count: f32, mean: Floats, squares: Floats }\n\n/// With one more.\nfn add_moment(m: Moments, x: Floats) -> Moments {\n  let count = m.count + 1f;\n  let above = x - m.mean;\n  let mean = m.mean + above * (1f / count);\n  return Moments(count, mean, m.squares + above * (x - mean));\n}\n\n/// The row's mean and variance over n numbers, of what its threads have found.\nfn row_moments(m: Moments, n: u32, lane: u32) -> vec2f {\n  let mean = row_sum(sum_of(vec4f(m.count * m.mean)), lane) / f32(n);\n  let off = m.mean - mean;\n  return vec2f(mean, row_sum(sum_of(vec4f(m.squares + m.count * off * off)), lane) / f32(n));\n}\n";

// src/gpu/pipelines.ts
init_errors();
var LIBRARY = [math_default, reduce_default, rows_default, elements_default, random_default, matrix_default, packed_default, attention_default].join("\n");
var COMPUTE = 4;
var MAX_BIND_GROUPS = 8192;
var PipelineCache = class {
  constructor(device2, limits) {
    this.device = device2;
    this.limits = limits;
    this.paramsLayout = device2.createBindGroupLayout({
      label: "params",
      entries: [
        { binding: 0, visibility: COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true } }
      ]
    });
  }
  device;
  limits;
  pipelines = /* @__PURE__ */ new Map();
  pending = /* @__PURE__ */ new Map();
  layouts = /* @__PURE__ */ new Map();
  bindGroups = /* @__PURE__ */ new Map();
  bindGroupsOf = /* @__PURE__ */ new Map();
  paramsLayout;
  /** How many pipelines and bind groups are cached. */
  get counts() {
    let pipelines = 0;
    for (const entries of this.pipelines.values()) pipelines += entries.size;
    return { pipelines, bindGroups: this.bindGroups.size };
  }
  /** The compiled pipeline, from the cache or compiled now. */
  get(choice, inputs, outputs) {
    const key = pipelineKey(choice, inputs, outputs);
    const cached2 = this.pipelines.get(choice.file)?.get(key);
    if (cached2) return cached2;
    const { descriptor, about } = this.describe(choice, inputs, outputs);
    const gpu = this.device.createComputePipeline(descriptor);
    return this.store(choice, key, { gpu, ...about });
  }
  /** Compiles ahead, without holding up the caller; once, however often it is asked for. */
  prepare(choice, inputs, outputs) {
    const key = pipelineKey(choice, inputs, outputs);
    if (this.pipelines.get(choice.file)?.has(key)) return Promise.resolve();
    const pendingKey = `${choice.file.name}|${key}`;
    const pending = this.pending.get(pendingKey) ?? this.compile(choice, key, inputs, outputs);
    this.pending.set(pendingKey, pending);
    return pending.finally(() => this.pending.delete(pendingKey));
  }
  async compile(choice, key, inputs, outputs) {
    const { descriptor, about } = this.describe(choice, inputs, outputs);
    const gpu = await this.device.createComputePipelineAsync(descriptor);
    this.store(choice, key, { gpu, ...about });
  }
  /** Compiles the file's text and rejects with its compile errors, each with its line and a caret. */
  async check(choice) {
    const code = specialise(choice.file, LIBRARY, choice.constants ?? {});
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ code, label: choice.file.name });
    const [info] = await Promise.all([module.getCompilationInfo(), this.device.popErrorScope()]);
    const errors = info.messages.filter((m) => m.type === "error");
    if (errors.length === 0) return;
    const lines = code.split("\n");
    const shown2 = errors.map(({ lineNum, linePos, message }) => {
      const caret = `${" ".repeat(Math.max(0, linePos - 1))}^`;
      return `${choice.file.name}:${lineNum}:${linePos} ${message}
  ${lines[lineNum - 1] ?? ""}
  ${caret}`;
    });
    throw new KernelError(shown2.join("\n"));
  }
  bindGroup(pipeline, bindings) {
    let key = pipeline.layoutKey;
    for (const { block, offset, bytes } of bindings) key += `|${block.id}:${offset}:${bytes}`;
    const cached2 = this.bindGroups.get(key);
    if (cached2) return cached2;
    if (this.bindGroups.size >= MAX_BIND_GROUPS) this.forgetBindGroups();
    const entries = bindings.map(({ block, offset, bytes }, binding) => ({
      binding,
      resource: { buffer: block.buffer, offset, size: bytes }
    }));
    const group = this.device.createBindGroup({
      layout: pipeline.tensorLayout,
      entries,
      label: pipeline.label
    });
    this.bindGroups.set(key, group);
    for (const { block } of bindings) {
      const keys = this.bindGroupsOf.get(block);
      if (keys) keys.add(key);
      else this.bindGroupsOf.set(block, /* @__PURE__ */ new Set([key]));
    }
    return group;
  }
  /** Drops the bind groups of a destroyed block: they would keep its buffer alive. */
  forget(block) {
    for (const key of this.bindGroupsOf.get(block) ?? []) this.bindGroups.delete(key);
    this.bindGroupsOf.delete(block);
  }
  forgetBindGroups() {
    this.bindGroups.clear();
    this.bindGroupsOf.clear();
  }
  store(choice, key, pipeline) {
    const entries = this.pipelines.get(choice.file);
    if (entries) entries.set(key, pipeline);
    else this.pipelines.set(choice.file, /* @__PURE__ */ new Map([[key, pipeline]]));
    return pipeline;
  }
  describe(choice, inputs, outputs) {
    const { file, entry } = choice;
    const label = `${file.name}.${entry}`;
    if (!file.entries.includes(entry)) {
      throw new KernelError(
        `${file.name}: no entry point "${entry}"; it has ${file.entries.join(", ")}`
      );
    }
    const limit = this.limits.maxStorageBuffersPerShaderStage;
    if (inputs + outputs > limit) {
      throw new LimitError(
        `${label}: ${inputs + outputs} tensors exceed the limit of ${limit} storage buffers`
      );
    }
    const code = specialise(file, LIBRARY, choice.constants ?? {});
    const module = this.device.createShaderModule({ code, label });
    const hasParams = file.params !== null;
    const layoutKey = `${inputs}-${outputs}-${hasParams ? "p" : ""}`;
    const layout = this.layout(layoutKey, inputs, outputs, hasParams);
    const descriptor = { label, layout: layout.pipeline, compute: { module, entryPoint: entry } };
    return { descriptor, about: { label, layoutKey, tensorLayout: layout.tensors, hasParams } };
  }
  layout(key, inputs, outputs, hasParams) {
    const cached2 = this.layouts.get(key);
    if (cached2) return cached2;
    const entries = Array.from({ length: inputs + outputs }, (_, binding) => ({
      binding,
      visibility: COMPUTE,
      buffer: { type: binding < inputs ? "read-only-storage" : "storage" }
    }));
    const tensors = this.device.createBindGroupLayout({ entries, label: key });
    const bindGroupLayouts = hasParams ? [tensors, this.paramsLayout] : [tensors];
    const layout = {
      tensors,
      pipeline: this.device.createPipelineLayout({ bindGroupLayouts, label: key })
    };
    this.layouts.set(key, layout);
    return layout;
  }
};
function pipelineKey({ entry, constants: constants3 }, inputs, outputs) {
  let key = `${entry}|${inputs}|${outputs}`;
  if (constants3) for (const name in constants3) key += `|${name}=${constants3[name]}`;
  return key;
}

// src/gpu/staging.ts
var LARGEST_KEPT = 1 << 22;
var StagingPool = class {
  constructor(device2, limits) {
    this.device = device2;
    this.limits = limits;
  }
  device;
  limits;
  free = /* @__PURE__ */ new Map();
  /** Copies with `fill`, waits for the mapping with `settle`, and gives what `take` makes of the mapped bytes. */
  async read(bytes, fill2, settle, take) {
    const size = Math.min(sizeClass(bytes), this.limits.maxBufferSize);
    const buffer = this.free.get(size)?.pop() ?? this.create(size);
    let whole = false;
    try {
      fill2(buffer);
      await settle(buffer.mapAsync(1, 0, bytes));
      const result2 = take(buffer.getMappedRange(0, bytes));
      buffer.unmap();
      whole = true;
      return result2;
    } finally {
      if (whole && size <= LARGEST_KEPT) this.keep(size, buffer);
      else buffer.destroy();
    }
  }
  keep(size, buffer) {
    const list2 = this.free.get(size);
    if (list2) list2.push(buffer);
    else this.free.set(size, [buffer]);
  }
  create(size) {
    const usage = USAGE.MAP_READ | USAGE.COPY_DST;
    return this.device.createBuffer({ size, usage, label: "read-back" });
  }
};

// src/gpu/tuning.ts
var VERSION = 1;
async function readTuning(adapter) {
  const text = await platform.store.read(fileName2(adapter));
  if (text === null) return null;
  try {
    const { version, driver, choices } = JSON.parse(text);
    return version === VERSION && driver === adapter.driver && isChoiceTable(choices) ? choices : null;
  } catch {
    return null;
  }
}
function fileName2({ name, driver }) {
  const plain2 = `${name} ${driver}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return `tuning-${platform.name}-${plain2.slice(0, 160)}.json`;
}

// src/gpu/context.ts
var LIMIT_NAMES = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX"
];
var FEATURES = ["shader-f16", "timestamp-query", "subgroups"];
var HARDWARE_BUDGET = { flops: 5e10, bytes: 2e10 };
var SOFTWARE_BUDGET = { flops: 1e9, bytes: 4e8 };
function substituted(dispatch, substitute) {
  substitute.launches++;
  return { ...dispatch, kernel: { ...dispatch.kernel, file: substitute.file } };
}
var Context = class _Context {
  constructor(device2, keepAlive, adapter, features, limits) {
    this.device = device2;
    this.keepAlive = keepAlive;
    this.adapter = adapter;
    this.features = features;
    this.limits = limits;
    this.subgroupMinSize = features.has("subgroups") ? device2.adapterInfo.subgroupMinSize ?? 4 : 0;
    this.pipelines = new PipelineCache(device2, limits);
    this.pool = new BufferPool(
      device2,
      limits,
      () => this.batch.submit(),
      (block) => this.pipelines.forget(block)
    );
    this.faults = new Faults(device2);
    this.staging = new StagingPool(device2, limits);
    this.batch = new Batch(
      device2,
      this.pipelines,
      limits,
      adapter.software ? SOFTWARE_BUDGET : HARDWARE_BUDGET
    );
    device2.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.fail(event.error);
    });
    device2.lost.then(({ reason, message }) => {
      const last = this.batch.lastLabel ? ` after ${this.batch.lastLabel}` : "";
      const why = `(${reason || "unknown"})${last}: ${message || "no reason given"}`;
      this.failures.lose(
        new DeviceLostError(
          `the GPU device was lost ${why}; open a new device and resume from the last checkpoint`
        )
      );
    });
  }
  device;
  keepAlive;
  adapter;
  features;
  limits;
  pool;
  pipelines;
  faults;
  /** Which variants of the kernels are taken. */
  choices = new Choices();
  /** Files that run in place of ours, by our file's name: a kernel under development, measured beside the built-in one. */
  substitutes = /* @__PURE__ */ new Map();
  batch;
  staging;
  failures = new Failures();
  timing = false;
  /** While warming up, dispatches are only noted. */
  noted = null;
  /** While a function is captured. */
  recorder = null;
  /** The fewest threads that a subgroup has; 0: there are none. */
  subgroupMinSize;
  /** @throws DeviceError when there is no such adapter; the message says what to install. */
  static async open({
    adapter: choice = "auto",
    toggles = [],
    limits = {},
    tuning = "cached"
  } = {}) {
    const { adapter, software, driver, notice, keepAlive } = await platform.findAdapter(choice, {
      toggles
    });
    const requiredFeatures = FEATURES.filter((name2) => adapter.features.has(name2));
    const requiredLimits = Object.fromEntries(
      LIMIT_NAMES.map((name2) => [name2, adapter.limits[name2]])
    );
    const device2 = await adapter.requestDevice({
      requiredFeatures,
      requiredLimits,
      label: "shadegrad"
    });
    const granted = Object.fromEntries(LIMIT_NAMES.map((name2) => [name2, device2.limits[name2]]));
    const { vendor, architecture, description, device: model } = adapter.info;
    const name = description || model || architecture || vendor || "unnamed adapter";
    const summary = { name, vendor, architecture, driver, software, notice };
    const all = { ...granted, ...limits };
    const context = new _Context(device2, keepAlive, summary, new Set(requiredFeatures), all);
    const measured = tuning === "cached" ? await readTuning(summary) : null;
    if (measured) context.choices.setMeasured(measured);
    return context;
  }
  get memory() {
    return this.pool.counters;
  }
  allocate(bytes) {
    this.failures.checkAlive();
    return this.pool.acquire(bytes);
  }
  dispatch(dispatch) {
    this.failures.checkAlive();
    const substitute = this.substitutes.get(dispatch.kernel.file.name);
    const run4 = substitute ? substituted(dispatch, substitute) : dispatch;
    if (this.noted) this.noted.push([run4.kernel, run4.inputs.length, run4.outputs.length]);
    else this.batch.record(run4);
  }
  /** Uploads; submits first whatever was recorded on this block, which must still see the earlier content. */
  write(block, offset, data2) {
    this.failures.checkAlive();
    this.notInCapture(
      "it writes values from the CPU; write them before each step, into tensors that are made before the capture (a new tensor of values, tensor.write, optimizer.advance and device.beginStep all write)"
    );
    if (block.lastBatch === this.batch.id) this.batch.submit();
    block.version++;
    this.device.queue.writeBuffer(block.buffer, offset, data2);
  }
  /** Reads `bytes` (a multiple of 4) back; all that was recorded before runs first. Throws the fault it met, if any. */
  async read(block, offset, bytes) {
    this.failures.checkAlive();
    this.notInCapture("it reads back; return the tensor, and read it after the step");
    const { copy, fault } = await this.staging.read(
      bytes + 4,
      (destination) => this.batch.copyOut({ block, offset, bytes }, this.faults, destination, bytes),
      (mapping) => this.settle(mapping),
      (mapped) => ({ copy: mapped.slice(0, bytes), fault: new Uint32Array(mapped, bytes, 1)[0] })
    );
    this.faults.check(fault);
    return copy;
  }
  /** Hands over what was recorded, without waiting for it. */
  submit() {
    this.failures.checkAlive();
    this.batch.submit();
  }
  /** Resolves when all work so far is done. A read of the fault word waits for just that, and checks the word. */
  async sync() {
    const { block, offset, bytes } = this.faults.binding;
    await this.read(block, offset, bytes);
  }
  /** Whether dispatches are only noted: results hold nothing then. */
  get isWarmingUp() {
    return this.noted !== null;
  }
  /**
   * Runs `fn`, and keeps its dispatches, and the memory that they use, to run them again.
   * @throws CaptureError when a replay would not do the same.
   */
  capture(fn) {
    this.failures.checkAlive();
    this.notInCapture("it captures another function; capture the two one after the other");
    if (this.noted) throw new CaptureError("capture: while warming up nothing runs");
    this.batch.submit();
    const recorder = new Recorder();
    this.recordTo(recorder);
    try {
      fn();
      recorder.check();
    } catch (error) {
      for (const block of this.endCapture(recorder, [])) this.pool.release(block);
      throw error;
    }
    const blocks = this.endCapture(recorder, recorder.used);
    const { list: list2, arena } = recorder.finish(this.device, this.pipelines.paramsLayout);
    return {
      replay: () => this.replay(list2),
      dispose: () => {
        for (const block of blocks.splice(0)) this.pool.release(block);
        arena?.destroy();
      }
    };
  }
  /** Runs `fn` outside the capture under way, if any: it makes what an op keeps for good, such as a table. */
  uncaptured(fn) {
    const { recorder } = this;
    this.recordTo(null);
    try {
      return fn();
    } finally {
      this.recordTo(recorder);
    }
  }
  /** @throws CaptureError while a function is captured: it cannot be replayed, because of the reason. */
  notInCapture(reason) {
    this.recorder?.refuse(reason);
  }
  /** Runs `fn` without its dispatches and compiles, in parallel, the pipelines that it would need. */
  async warmup(fn) {
    this.failures.checkAlive();
    this.noted = [];
    const { noted } = this;
    try {
      fn();
    } finally {
      this.noted = null;
    }
    await this.settle(Promise.all(noted.map((args) => this.pipelines.prepare(...args))));
  }
  /** Compiles a kernel's text. @throws KernelError with line and caret. */
  check(kernel22) {
    this.failures.checkAlive();
    return this.pipelines.check(kernel22);
  }
  /**
   * Times what `fn` runs, per kernel label where the adapter has timestamp queries, else wall time alone. With `split`
   * false, passes stay whole, as they are when nobody times them: the sum of the kernels' times is theirs.
   */
  async time(fn, { split: split3 = true } = {}) {
    if (this.timing) throw new DeviceError("time: another region of this device is being timed");
    const source = this.features.has("timestamp-query") ? "timestamp" : "wall";
    this.timing = true;
    try {
      await this.sync();
      if (source === "timestamp") this.batch.startTiming(split3);
      const begin2 = performance.now();
      await fn();
      await this.sync();
      const wallMicroseconds = 1e3 * (performance.now() - begin2);
      const samples = source === "timestamp" ? await this.batch.stopTiming() : [];
      return { source, wallMicroseconds, kernels: summarise(samples) };
    } finally {
      this.batch.abandonTiming();
      this.timing = false;
    }
  }
  /** Gives the GPU back. Every later call rejects with `DeviceLostError`. */
  destroy() {
    this.device.destroy();
    this.failures.lose(new DeviceLostError("the device was destroyed; open a new one"));
  }
  replay(list2) {
    this.failures.checkAlive();
    this.notInCapture("it runs a captured step; capture the two one after the other");
    if (!this.noted) this.batch.replay(list2);
  }
  endCapture(recorder, used) {
    this.recordTo(null);
    this.batch.submit();
    return this.pool.endCapture(recorder.blocks, used);
  }
  recordTo(recorder) {
    this.recorder = recorder;
    this.batch.recorder = recorder;
    this.pool.capturing = recorder?.blocks ?? null;
  }
  async settle(work) {
    if (this.adapter.software) platform.idle?.(work);
    const result2 = await this.failures.settle(work);
    this.pool.settled();
    return result2;
  }
  fail(error) {
    if (error.constructor.name !== "GPUOutOfMemoryError") {
      const label = this.batch.lastLabel || "GPU";
      this.failures.record(new DeviceError(`${label}: ${error.message}`));
    } else if (!this.pool.outOfMemory()) {
      this.failures.record(new OutOfMemoryError(`no GPU memory left: ${error.message}`));
    }
  }
};

// src/tensor/dtype.ts
init_errors();
var BYTES = { f32: 4, f16: 2, i32: 4, u32: 4 };
var isFloat = (dtype) => dtype === "f32" || dtype === "f16";
function encode(values, dtype) {
  const buffer = new ArrayBuffer(Math.ceil(values.length * BYTES[dtype] / 4) * 4);
  if (dtype === "f32") new Float32Array(buffer).set(values);
  else if (dtype === "i32") new Int32Array(buffer).set(values);
  else if (dtype === "u32") new Uint32Array(buffer).set(values);
  else {
    const halves2 = new Uint16Array(buffer);
    for (let i = 0; i < values.length; i++) halves2[i] = floatToHalf(values[i]);
  }
  return new Uint8Array(buffer);
}
function decode(buffer, dtype, size) {
  return decoders[dtype](buffer, size);
}
var decoders = {
  f32: (buffer, size) => new Float32Array(buffer, 0, size),
  i32: (buffer, size) => new Int32Array(buffer, 0, size),
  u32: (buffer, size) => new Uint32Array(buffer, 0, size),
  f16: (buffer, size) => Float32Array.from(new Uint16Array(buffer, 0, size), halfToFloat)
};
var CARRIER = {
  f32: "f32",
  f16: "f32",
  i32: "i32",
  u32: "u32"
};
function scalarBits(op, value, dtype) {
  const carrier = CARRIER[dtype];
  const array = { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[carrier].of(value);
  if (carrier !== "f32" && array[0] !== value) {
    throw new DTypeError(`${op}: ${value} is no ${dtype}; cast() the tensor to f32 first`);
  }
  return new Uint32Array(array.buffer)[0];
}

// src/tensor/philox.ts
init_errors();
var MULTIPLIER_0 = 3528531795;
var MULTIPLIER_1 = 3449720151;
var WEYL_0 = 2654435769;
var WEYL_1 = 3144134277;
var ROUNDS = 10;
var TWO_32 = 2 ** 32;
function philox(counter, key) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = k0 + WEYL_0 | 0;
    k1 = k1 + WEYL_1 | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}
function multiplyHigh(a, b) {
  const aLow = a & 65535;
  const aHigh = a >>> 16;
  const bLow = b & 65535;
  const bHigh = b >>> 16;
  const cross = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const middle = Math.imul(aLow, bHigh) + (cross & 65535);
  return Math.imul(aHigh, bHigh) + (cross >>> 16) + (middle >>> 16) | 0;
}
function keyOf(seed) {
  const valid = typeof seed === "bigint" ? seed >= 0n && seed < 1n << 64n : Number.isSafeInteger(seed) && seed >= 0;
  if (!valid)
    throw new ConfigError(
      `seed: ${seed} is not an integer from 0 to 2^53 - 1 (or, as a bigint, 2^64 - 1)`
    );
  const wide = BigInt(seed);
  return [Number(wide & 0xffffffffn), Number(wide >> 32n)];
}
function randomBlock(block, stream, step, key) {
  return philox([block >>> 0, step >>> 0, stream >>> 0, Math.floor(block / TWO_32)], key);
}
function uniformFromBits(bits) {
  return (bits >>> 8) * 2 ** -24;
}
function normalPair(even, odd) {
  const radius = Math.sqrt(-2 * Math.log(((even >>> 8) + 1) * 2 ** -24));
  const angle = 2 * Math.PI * uniformFromBits(odd);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
function fillUniform(out, { seed, stream = 0, step = 0 }) {
  const key = keyOf(seed);
  for (let i = 0; i < out.length; i += 4) {
    const words2 = randomBlock(i / 4, stream, step, key);
    for (let j = 0; j < 4 && i + j < out.length; j++) out[i + j] = uniformFromBits(words2[j]);
  }
}
function fillNormal(out, { seed, stream = 0, step = 0 }) {
  const key = keyOf(seed);
  for (let i = 0; i < out.length; i += 4) {
    const words2 = randomBlock(i / 4, stream, step, key);
    [out[i], out[i + 1]] = normalPair(words2[0], words2[1]);
    [out[i + 2], out[i + 3]] = normalPair(words2[2], words2[3]);
  }
}
function randomStream(seed, stream = 0, { step = 0, position = 0 } = {}) {
  const key = keyOf(seed);
  let cachedBlock = -1;
  let words2 = [0, 0, 0, 0];
  const nextWord = () => {
    const block = Math.floor(random.position / 4);
    if (block !== cachedBlock) {
      words2 = randomBlock(block, stream, step, key);
      cachedBlock = block;
    }
    return words2[random.position++ % 4];
  };
  const random = {
    position,
    uniform: () => uniformFromBits(nextWord()),
    normal: () => normalPair(nextWord(), nextWord())[0],
    integer(n) {
      if (!Number.isInteger(n) || n < 1 || n > TWO_32) {
        throw new ConfigError(`integer: n is ${n}; expected an integer from 1 to 2^32`);
      }
      const bound = TWO_32 - TWO_32 % n;
      let word = nextWord();
      while (word >= bound) word = nextWord();
      return word % n;
    },
    shuffle(array) {
      for (let i = array.length - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [array[i], array[j]] = [array[j], array[i]];
      }
      return array;
    }
  };
  return random;
}

// src/tensor/scope.ts
init_errors();
var scopes = [];
function track(tensor) {
  const scope2 = scopes.at(-1);
  if (scope2) scope2.tensors.push(tensor);
  else tensor.leaveToCollector();
  return tensor;
}
function trackNode(node) {
  const scope2 = scopes.at(-1);
  if (scope2) scope2.nodes.push(node);
  else node.leaveToCollector();
}
function scope(fn) {
  return inScope(fn, true);
}
function tidy(fn) {
  return inScope(fn, false);
}
function inScope(fn, detach) {
  const mine = { tensors: [], nodes: [] };
  scopes.push(mine);
  let result2;
  const returned = /* @__PURE__ */ new Set();
  try {
    result2 = fn();
    if (result2 instanceof Promise) {
      result2.catch(() => {
      });
      throw new TensorError(
        "scope: the function must be synchronous; read back after the scope, not inside it"
      );
    }
    collect(result2, returned);
  } finally {
    scopes.pop();
    const outer = scopes.at(-1);
    for (const tensor of mine.tensors) {
      if (tensor.disposed) continue;
      if (returned.has(tensor) || tensor.kept) {
        if (detach && tensor.edge && !("leaf" in tensor.edge)) tensor.edge = null;
        if (outer) outer.tensors.push(tensor);
        else tensor.leaveToCollector();
      } else tensor.dispose();
    }
    for (const node of mine.nodes) {
      if (detach) node.release();
      else trackNode(node);
    }
  }
  return result2;
}
function collect(value, found) {
  if (value === null || typeof value !== "object") return;
  if ("storage" in value && "runtime" in value) found.add(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, found);
  else if (value instanceof Map) for (const item of value.values()) collect(item, found);
  else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, found);
  }
}

// src/tensor/shape.ts
init_errors();
function sizeOf(shape) {
  return shape.reduce((product2, size) => product2 * size, 1);
}
function denseStrides(shape) {
  const strides = new Array(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}
function isDense(shape, strides) {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== stride) return false;
    stride *= shape[axis];
  }
  return true;
}
function sameShape(a, b) {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
function format(shape) {
  return `[${shape.join(", ")}]`;
}
function checkShape(op, shape) {
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new ShapeError(`${op}: a shape holds whole numbers from 0 on, got ${format(shape)}`);
}
function resolveAxis(op, axis, rank) {
  const resolved = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(axis) && resolved >= 0 && resolved < rank) return resolved;
  throw new ShapeError(
    `${op}: axis ${axis} is out of range for ${rank} ${rank === 1 ? "axis" : "axes"}`
  );
}
function resolveAxes(op, axis, rank) {
  if (axis === void 0) return Array.from({ length: rank }, (_, i) => i);
  const given = typeof axis === "number" ? [axis] : axis;
  const axes = given.map((a) => resolveAxis(op, a, rank)).sort((a, b) => a - b);
  if (new Set(axes).size === axes.length) return axes;
  throw new ShapeError(`${op}: the axes ${format(given)} name one axis twice`);
}
function broadcastShapes(op, a, b) {
  const rank = Math.max(a.length, b.length);
  const shape = new Array(rank);
  for (let axis = 0; axis < rank; axis++) {
    const sizeA = a[axis - rank + a.length] ?? 1;
    const sizeB = b[axis - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new ShapeError(
        `${op}: ${format(a)} and ${format(b)} do not broadcast; sizes ${sizeA} and ${sizeB} differ`
      );
    }
    shape[axis] = sizeA === 1 ? sizeB : sizeA;
  }
  return shape;
}
function broadcastStrides(shape, strides, target2) {
  const extra = target2.length - shape.length;
  return target2.map((size, axis) => {
    const own = axis - extra;
    return own < 0 || shape[own] === 1 && size !== 1 ? 0 : strides[own];
  });
}
function stretchedAxes(shape, target2) {
  const extra = target2.length - shape.length;
  const axes = [];
  for (let axis = 0; axis < target2.length; axis++) {
    if (axis < extra || shape[axis - extra] === 1 && target2[axis] !== 1) axes.push(axis);
  }
  return axes;
}
var MAX_RANK = 8;
function collapse(shape, operands) {
  const outShape = [];
  const outStrides = operands.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis];
    if (size === 1) continue;
    const last = outShape.length - 1;
    const merges = last >= 0 && operands.every((s, k) => outStrides[k][last] === s[axis] * size);
    if (merges) outShape[last] = outShape[last] * size;
    else outShape.push(size);
    const at = merges ? last : last + 1;
    for (const [k, strides] of operands.entries()) outStrides[k][at] = strides[axis];
  }
  if (outShape.length > MAX_RANK) {
    throw new ShapeError(
      `a view of shape ${format(shape)} has over ${MAX_RANK} axes that do not merge; copy it first`
    );
  }
  return { shape: outShape, strides: outStrides, rank: Math.max(1, outShape.length) };
}

// src/tensor/tensor.ts
init_errors();
if (!Symbol.dispose) Object.assign(Symbol, { dispose: /* @__PURE__ */ Symbol.for("Symbol.dispose") });
var Storage = class {
  /** `block` is null when there is nothing to store. */
  constructor(runtime, block, bytes) {
    this.runtime = runtime;
    this.block = block;
    this.bytes = bytes;
  }
  runtime;
  block;
  bytes;
  /** Tensors (and tape entries) that hold it. */
  holders = 0;
  /** Of u32 that hold a frozen weight's values, in what (`packWeight`). */
  packed = null;
  /** Whether more than one holder sees the memory. */
  get shared() {
    return this.holders > 1;
  }
  /** Counts writes: backward refuses a saved tensor that was changed since. */
  get version() {
    return this.block?.version ?? 0;
  }
  hold() {
    this.holders++;
    return this;
  }
  release() {
    if (--this.holders === 0 && this.block) this.runtime.gpu.pool.release(this.block);
  }
};
var safetyNet = new FinalizationRegistry(
  ({ storage, runtime }) => {
    storage.release();
    runtime.tensorCount--;
  }
);
var Tensor = class _Tensor {
  /** Internal: use `device.tensor`, `device.zeros` and the ops. Offset and strides count elements. */
  constructor(runtime, storage, shape, dtype, strides = denseStrides(shape), offset = 0) {
    this.runtime = runtime;
    this.shape = shape;
    this.dtype = dtype;
    this.strides = strides;
    this.held = storage.hold();
    this.start = offset;
    runtime.tensorCount++;
  }
  runtime;
  shape;
  dtype;
  strides;
  /** Accumulated gradient of a tensor that requires one; set by `backward`. */
  grad = null;
  /** Where the gradient flows; null for constants. Internal. */
  edge = null;
  /** Survives the scope it was made in: parameters and gradients do. Internal. */
  kept = false;
  held;
  start;
  /** Number of elements. */
  get size() {
    return sizeOf(this.shape);
  }
  /** Number of axes. */
  get rank() {
    return this.shape.length;
  }
  get requiresGrad() {
    return this.edge !== null;
  }
  get disposed() {
    return this.held === null;
  }
  /** First element's index in the storage. */
  get offset() {
    return this.start;
  }
  /** Whether the elements lie row-major without gaps. */
  get isDense() {
    return isDense(this.shape, this.strides);
  }
  /** @throws TensorError after disposal. */
  get storage() {
    if (this.held) return this.held;
    throw new TensorError(
      `a tensor of shape ${format(this.shape)} is used after it was disposed; return it from its scope, or keep it with requireGrad()`
    );
  }
  /** Reads all elements back, row-major. @throws DeviceLostError, or the first GPU error since the last read. */
  async data() {
    const { gpu } = this.runtime;
    if (this.size === 0) return decode(new ArrayBuffer(0), this.dtype, 0);
    const dense = this.runtime.dense(this);
    const bytes = BYTES[this.dtype];
    const begin2 = Math.floor(dense.offset * bytes / 4) * 4;
    const end = Math.ceil((dense.offset + this.size) * bytes / 4) * 4;
    const reading = gpu.read(dense.storage.block, begin2, end - begin2);
    if (dense !== this) dense.dispose();
    const buffer = await reading;
    const skip = dense.offset * bytes - begin2;
    return decode(skip ? buffer.slice(skip) : buffer, this.dtype, this.size);
  }
  /** The only element. */
  async item() {
    if (this.size !== 1)
      throw new ShapeError(`item: needs exactly one element, got shape ${format(this.shape)}`);
    return (await this.data())[0];
  }
  /** Overwrites all elements in place, outside the tape. Values row-major, as many as the tensor has. */
  write(values) {
    if (values.length !== this.size) {
      throw new ShapeError(
        `write: ${values.length} values for a tensor of shape ${format(this.shape)}`
      );
    }
    const bytes = encode(values, this.dtype);
    const at = this.offset * BYTES[this.dtype];
    const end = at + this.size * BYTES[this.dtype];
    const fits = at % 4 === 0 && (end % 4 === 0 || end === this.storage.bytes);
    if (!this.isDense || !fits) {
      throw new ShapeError(
        "write: needs a tensor whose elements lie row-major; for a view use writeAt"
      );
    }
    if (this.size > 0) this.runtime.gpu.write(this.storage.block, at, bytes);
  }
  /**
   * Marks a leaf whose gradient `backward` shall accumulate in `grad`; the tensor outlives its scope.
   * With `on = false` a parameter is frozen: it keeps its values and is not trained.
   */
  requireGrad(on = true) {
    if (!isFloat(this.dtype))
      throw new DTypeError(`requireGrad: only floats have gradients, got ${this.dtype}`);
    if (this.edge && !("leaf" in this.edge)) {
      throw new TensorError(
        "requireGrad: the tensor was computed from others that have gradients; detach() it first"
      );
    }
    this.edge = on ? { leaf: this } : null;
    this.kept = true;
    return this;
  }
  /** The same memory, outside the graph. */
  detach() {
    return this.alias(this.shape, this.strides, this.offset);
  }
  /** A view of the same memory with other geometry, outside the graph. Internal. */
  alias(shape, strides, offset) {
    return track(new _Tensor(this.runtime, this.storage, shape, this.dtype, strides, offset));
  }
  /** Moves the tensor's content elsewhere: optimisers gather parameters in slabs. Internal. */
  rebind(storage, offset) {
    const old = this.storage;
    this.held = storage.hold();
    this.start = offset;
    old.release();
    if (safetyNet.unregister(this)) this.leaveToCollector();
  }
  /** Frees the memory when no other view holds it. Safe to call twice. */
  dispose() {
    if (!this.held) return;
    this.held.release();
    this.held = null;
    this.runtime.tensorCount--;
    safetyNet.unregister(this);
    this.grad?.dispose();
    this.grad = null;
  }
  [Symbol.dispose]() {
    this.dispose();
  }
  /** Lets the garbage collector free the tensor: it has no scope that would. Internal. */
  leaveToCollector() {
    if (this.held) safetyNet.register(this, { storage: this.held, runtime: this.runtime }, this);
  }
};
function allocate(runtime, shape, dtype) {
  checkShape("tensor", shape);
  const { gpu } = runtime;
  if (dtype === "f16" && !gpu.features.has("shader-f16")) {
    throw new DTypeError(
      `f16 tensors need the feature shader-f16, which ${gpu.adapter.name} lacks; use f32, or packWeight for frozen weights`
    );
  }
  const bytes = sizeOf(shape) * BYTES[dtype];
  const block = bytes > 0 ? gpu.allocate(Math.ceil(bytes / 4) * 4) : null;
  return track(new Tensor(runtime, new Storage(runtime, block, bytes), shape, dtype));
}

// kernels/binary.wgsl
var binary_default = "// Elementwise functions of two broadcast operands.\n//   tensors   y[i\u2026] = f(a[i\u2026], b[i\u2026])      strides of 0 repeat an element\n//   in_place  x[i\u2026] = f(x[i\u2026], b[i\u2026])\n//   scalar    y[i]  = f(x[i], value), or f(value, x[i]) when SWAPPED\n// OP names the function; comparisons give 0 or 1. A thread owns elements of y, which may be vectors of four.\n\nalias Element = f32;   // of the operands; or vec4<f32>, and so on\nalias Result = f32;    // of y; of u32 for comparisons\nalias Real = f32;      // as wide, for powers\nalias Value = f32;     // of Element\nalias Carrier = f32;   // how `value` comes: f32, i32 or u32\n\nconst ADD = 0u;\nconst SUB = 1u;\nconst MUL = 2u;\nconst DIV = 3u;\nconst POW = 4u;\nconst MAXIMUM = 5u;\nconst MINIMUM = 6u;\nconst EQUAL = 7u;\nconst NOT_EQUAL = 8u;\nconst LESS = 9u;\nconst LESS_EQUAL = 10u;\nconst GREATER = 11u;\nconst GREATER_EQUAL = 12u;\nconst OP: u32 = ADD;\nconst SWAPPED: bool = false;\nconst RANK: u32 = 8;     // axes; known when compiling, so that the walk over them unrolls\nconst ADJACENT: bool = false;  // along the last axis the operands' elements are neighbours\n\nstruct Params {\n  size: u32,               // elements of y\n  aStart: u32,             // in elements, as the strides\n  bStart: u32,\n  shape: array<vec4u, 2>,\n  aStrides: array<vec4u, 2>,\n  bStrides: array<vec4u, 2>,\n  value: u32,              // the bits of a Carrier\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> a: array<Element>;           // tensors\n@group(0) @binding(1) var<storage, read> b: array<Element>;\n@group(0) @binding(2) var<storage, read_write> y: array<Result>;\n@group(0) @binding(0) var<storage, read> other: array<Element>;       // in_place: b\n@group(0) @binding(1) var<storage, read_write> accumulated: array<Element>;\n@group(0) @binding(0) var<storage, read> x: array<Element>;           // scalar\n@group(0) @binding(1) var<storage, read_write> scalar_y: array<Result>;\n\nfn f(a: Element, b: Element) -> Result {\n  switch OP {\n    case ADD: { return Result(a + b); }\n    case SUB: { return Result(a - b); }\n    case MUL: { return Result(a * b); }\n    case DIV: { return Result(a / b); }\n    case POW: { return Result(power(Real(a), Real(b))); }\n    case MAXIMUM: { return Result(max(a, b)); }\n    case MINIMUM: { return Result(min(a, b)); }\n    case EQUAL: { return Result(a == b); }\n    case NOT_EQUAL: { return Result(a != b); }\n    case LESS: { return Result(a < b); }\n    case LESS_EQUAL: { return Result(a <= b); }\n    case GREATER: { return Result(a > b); }\n    default: { return Result(a >= b); }\n  }\n}\n\n/// a^b, also for negative a and whole b, which WGSL's pow leaves undefined.\nfn power(a: Real, b: Real) -> Real {\n  let magnitude = pow(abs(a), b);\n  let odd = abs(b) % Real(2) == Real(1);\n  var y = select(magnitude, -magnitude, (a < Real(0)) & odd);\n  y = select(y, select(Real(0), 1f / a, b < Real(0)), a == Real(0));\n  y = select(y, a * a, b == Real(2));\n  y = select(y, a, b == Real(1));\n  return select(y, Real(1), b == Real(0));\n}\n\n/// Where element i of y finds its operands in a and b.\nfn operands(i: u32) -> vec2u {\n  var rest = i;\n  var found = vec2u(params.aStart, params.bStart);\n  for (var axis = RANK - 1u; axis > 0u; axis--) {\n    let size = params.shape[axis / 4u][axis % 4u];\n    let at = rest % size;\n    rest /= size;\n    found += at * strides_along(axis);\n  }\n  return found + rest * strides_along(0u);\n}\n\nfn strides_along(axis: u32) -> vec2u {\n  if (ADJACENT && axis == RANK - 1u) { return vec2u(1u); }\n  return vec2u(params.aStrides[axis / 4u][axis % 4u], params.bStrides[axis / 4u][axis % 4u]);\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn tensors(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let at = operands(i);\n    y[i] = f(a[at.x], b[at.y]);\n  }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn in_place(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let at = operands(i);\n    accumulated[at.x] = Element(f(accumulated[at.x], other[at.y]));\n  }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn scalar(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  let value = Element(Value(bitcast<Carrier>(params.value)));\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    if (SWAPPED) { scalar_y[i] = f(value, x[i]); } else { scalar_y[i] = f(x[i], value); }\n  }\n}\n";

// src/ops/binary.ts
init_errors();

// src/tensor/tape.ts
init_errors();
var recording = true;
var nodesMade = 0;
function noGrad(fn) {
  return withRecording(false, fn);
}
function recorded(fn) {
  return withRecording(true, fn);
}
function isRecording() {
  return recording;
}
function nodeCount() {
  return nodesMade;
}
function untaped(fn) {
  return noGrad(() => tidy(fn));
}
function needsGrad(inputs) {
  return recording && inputs.some((x2) => x2.edge !== null);
}
function record(op) {
  if (needsGrad(op.inputs)) {
    const node = new Node(op);
    op.output.edge = { node };
    node.save(op.saved);
    trackNode(node);
  }
  return op.output;
}
var Node = class {
  order = nodesMade++;
  name;
  edges;
  backward;
  fused;
  saved = [];
  versions = [];
  constructor({ name, inputs, backward: backward2, fused: fused2 }) {
    this.name = name;
    this.edges = inputs.map((x2) => x2.edge);
    this.backward = backward2;
    this.fused = fused2;
  }
  /** Holds the tensors' memory under handles of its own. */
  save(tensors) {
    this.saved = tensors.map((x2) => {
      const handle = new Tensor(x2.runtime, x2.storage, x2.shape, x2.dtype, x2.strides, x2.offset);
      handle.edge = x2.edge;
      return handle;
    });
    this.versions = tensors.map((x2) => x2.storage.version);
  }
  /** @throws TensorError when the graph was freed, or a saved tensor was written to since. */
  get savedTensors() {
    if (!this.saved) {
      throw new TensorError(
        `backward: ${this.name} was already differentiated; pass { createGraph: true } the first time`
      );
    }
    for (const [i, x2] of this.saved.entries()) {
      if (x2.storage.version !== this.versions[i]) {
        throw new TensorError(
          `backward: a tensor of shape ${format(x2.shape)} that ${this.name} needs was changed in place since the forward pass`
        );
      }
    }
    return this.saved;
  }
  leaveToCollector() {
    for (const x2 of this.saved ?? []) x2.leaveToCollector();
  }
  release() {
    for (const x2 of this.saved ?? []) x2.dispose();
    this.saved = null;
  }
};
function backward(y, options = {}) {
  const { runtime } = y;
  flow(y, options, (leaf, gradient2) => {
    if (runtime.gpu.isWarmingUp) return gradient2.dispose();
    const sum2 = leaf.grad?.disposed ? null : leaf.grad;
    if (sum2 && !sum2.edge && !gradient2.edge) {
      runtime.addInPlace(sum2, gradient2);
      gradient2.dispose();
      return;
    }
    runtime.gpu.notInCapture(
      `it makes the first gradient of a tensor of shape ${format(leaf.shape)}, which a replay would overwrite and not add to; make the optimizer first, or call grad()`
    );
    if (sum2) leaf.grad = runtime.add(sum2, gradient2);
    else if (gradient2.edge || isOwn(gradient2)) leaf.grad = gradient2;
    else {
      leaf.grad = runtime.copy(gradient2);
      gradient2.dispose();
    }
    leaf.grad.kept = true;
  });
}
var isOwn = (x2) => x2.isDense && !x2.storage.shared;
function grad(y, xs, options = {}) {
  const gradients2 = /* @__PURE__ */ new Map();
  const wanted = new Set(xs.map((x2) => target(x2)));
  flow(
    y,
    options,
    (leaf, gradient2) => wanted.has(leaf) ? gradients2.set(leaf, gradient2) : gradient2.dispose(),
    {
      wanted,
      found: gradients2
    }
  );
  return xs.map((x2) => gradients2.get(target(x2)) ?? null);
}
function target(x2) {
  if (!x2.edge)
    throw new TensorError(
      `grad: a tensor of shape ${format(x2.shape)} has no gradient; call requireGrad() on it`
    );
  return "leaf" in x2.edge ? x2.edge.leaf : x2.edge.node;
}
function flow(y, { createGraph = false, dy }, atLeaf, inner) {
  if (!y.edge)
    throw new TensorError(
      "backward: the tensor does not depend on anything that requires a gradient"
    );
  if (!dy && y.size !== 1) {
    throw new ShapeError(`backward: needs a scalar or options.dy, got shape ${format(y.shape)}`);
  }
  if (dy && !sameShape(dy.shape, y.shape)) {
    throw new ShapeError(`backward: dy is ${format(dy.shape)}, the tensor ${format(y.shape)}`);
  }
  withRecording(createGraph, () => {
    const seed = dy ? dy.detach() : y.runtime.ones(y.shape, { dtype: y.dtype });
    if (createGraph && dy) seed.edge = dy.edge;
    if ("leaf" in y.edge) return atLeaf(y.edge.leaf, seed);
    const pending = /* @__PURE__ */ new Map([[y.edge.node, seed]]);
    const atLeaves = /* @__PURE__ */ new Map();
    for (const node of nodesBelow(y.edge.node)) {
      const gradient2 = pending.get(node);
      if (!gradient2) continue;
      pending.delete(node);
      const taken = [];
      const take = takeFrom(pending, node, taken, inner?.wanted);
      const parts = tidy(
        () => ownHandles(differentiate(node, gradient2, createGraph, take), gradient2)
      );
      for (const waiting2 of taken) waiting2.dispose();
      for (const [i, part] of parts.entries()) {
        const edge = node.edges[i];
        if (!edge || !part) part?.dispose();
        else if ("leaf" in edge) merge(atLeaves, edge.leaf, part, createGraph);
        else merge(pending, edge.node, part, createGraph);
      }
      if (inner?.wanted.has(node)) inner.found.set(node, gradient2);
      else if (!createGraph) gradient2.dispose();
      if (!createGraph) node.release();
    }
    for (const [leaf, gradient2] of atLeaves) atLeaf(leaf, gradient2);
  });
}
function takeFrom(pending, node, taken, wanted) {
  return (input) => {
    const edge = node.edges[input];
    if (!edge || "leaf" in edge || wanted?.has(edge.node)) return null;
    const waiting2 = pending.get(edge.node);
    if (!waiting2) return null;
    pending.delete(edge.node);
    taken.push(waiting2);
    return waiting2;
  };
}
function ownHandles(parts, dy) {
  return parts.map((part, i) => {
    if (!part || part !== dy && parts.indexOf(part) === i) return part;
    const handle = part.detach();
    handle.edge = part.edge;
    return handle;
  });
}
function merge(waiting2, key, part, createGraph) {
  const sum2 = waiting2.get(key);
  if (!sum2) {
    waiting2.set(key, part);
    return;
  }
  waiting2.set(key, sum2.runtime.add(sum2, part));
  if (createGraph) return;
  sum2.dispose();
  part.dispose();
}
function differentiate(node, dy, createGraph, take) {
  const saved = node.savedTensors;
  if (!createGraph && node.fused) return node.fused(dy, saved, take);
  if (node.backward) return node.backward(dy, saved);
  if (!createGraph) throw new TensorError(`${node.name}: has no backward`);
  throw new TensorError(
    `${node.name}: has no second derivative; differentiate it without createGraph`
  );
}
function leavesBelow(y, since2) {
  if (!y.edge) return [];
  if ("leaf" in y.edge) return [y.edge.leaf];
  const leaves = /* @__PURE__ */ new Set();
  for (const { name, order, edges } of nodesBelow(y.edge.node)) {
    if (order < since2) {
      throw new TensorError(
        `checkpoint: the function uses a result of ${name} that was computed outside; pass it as an input`
      );
    }
    for (const edge of edges) if (edge && "leaf" in edge) leaves.add(edge.leaf);
  }
  return [...leaves];
}
function nodesBelow(root) {
  const found = /* @__PURE__ */ new Set([root]);
  for (const node of found) {
    for (const edge of node.edges) if (edge && "node" in edge) found.add(edge.node);
  }
  return [...found].sort((a, b) => b.order - a.order);
}
function withRecording(on, fn) {
  const before = recording;
  recording = on;
  try {
    const result2 = fn();
    if (result2 instanceof Promise)
      throw new TensorError("noGrad: the function must be synchronous");
    return result2;
  } finally {
    recording = before;
  }
}

// kernels/copy.wgsl
var copy_default = "// Copies between strided views, with conversion of the element type.\n//   forward   y[i\u2026] = Target(x[i\u2026])          x (shape, xStrides) -> y (shape, yStrides)\n//   fill      y[i\u2026] = value\n// A thread owns elements, which may be vectors of four. Axes are merged by the host; at most 8 remain.\n\nalias Source = f32;        // or vec4<f32>, and so on\nalias Target = f32;\nalias Value = f32;         // of Target\nalias Carrier = f32;       // how `value` comes: f32, i32 or u32\nconst RANK: u32 = 8;       // axes; known when compiling, so that the walk over them unrolls\n\nstruct Params {\n  size: u32,               // number of elements\n  xStart: u32,             // in elements, as the strides\n  yStart: u32,\n  shape: array<vec4u, 2>,\n  xStrides: array<vec4u, 2>,\n  yStrides: array<vec4u, 2>,\n  value: u32,              // the bits of a Carrier\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Source>;\n@group(0) @binding(1) var<storage, read_write> y: array<Target>;\n@group(0) @binding(0) var<storage, read_write> filled: array<Target>;\n\n/// Where element i stands in x and in y.\nfn places(i: u32) -> vec2u {\n  var rest = i;\n  var found = vec2u(params.xStart, params.yStart);\n  for (var axis = RANK - 1u; axis > 0u; axis--) {\n    let size = params.shape[axis / 4u][axis % 4u];\n    let at = rest % size;\n    rest /= size;\n    found += at * vec2u(params.xStrides[axis / 4u][axis % 4u], params.yStrides[axis / 4u][axis % 4u]);\n  }\n  return found + rest * vec2u(params.xStrides[0][0], params.yStrides[0][0]);\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let at = places(i);\n    y[at.y] = Target(x[at.x]);\n  }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn fill(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  let value = Target(Value(bitcast<Carrier>(params.value)));\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) { filled[params.yStart + i] = value; }\n}\n";

// src/ops/copy.ts
init_errors();

// src/ops/elements.ts
var CPU = { threads: 8, perThread: 256 };
var GPU = { threads: 64, perThread: 4 };
function spansOf({ gpu }, count2, width = 1) {
  const { threads, perThread } = gpu.adapter.software ? CPU : GPU;
  const each = perThread / width;
  return {
    workgroups: Math.ceil(count2 / (threads * each)),
    constants: { SPAN_THREADS: threads, SPAN_PER_THREAD: each }
  };
}
var widthFor = (size) => size % 4 === 0 ? 4 : 1;
var vectorOf = (type, width) => width === 4 ? `vec4<${type}>` : type;
var vectorConstants = (width) => width === 4 ? { WIDTH: 4, Vector: "vec4<Element>" } : {};
function walkOf(shape, operands) {
  const merged2 = collapse(
    shape,
    operands.map(({ strides }) => strides)
  );
  const starts = operands.map(({ start: start2 }) => start2);
  const size = merged2.shape.reduce((product2, n) => product2 * n, 1);
  const last = merged2.shape.length - 1;
  const outer = merged2.strides.flatMap((strides) => strides.slice(0, last));
  const whole = last >= 0 && merged2.strides.every((strides) => strides[last] === 1) && [merged2.shape[last], ...outer, ...starts].every((n) => n % 4 === 0);
  if (!whole) return { width: 1, size, ...merged2, starts };
  return {
    width: 4,
    size: size / 4,
    shape: merged2.shape.with(last, merged2.shape[last] / 4),
    rank: merged2.rank,
    strides: merged2.strides.map((strides) => strides.map((s, axis) => axis === last ? 1 : s / 4)),
    starts: starts.map((start2) => start2 / 4)
  };
}

// src/ops/launch.ts
init_errors();
var WORKGROUP = 64;
var BINDING_ALIGN = 256;
function kernelFile(name, text) {
  return readKernel(name, text);
}
function launch(file, entry, options) {
  const { inputs, outputs, workgroups, constants: constants3, strided: strided2 = false, fault } = options;
  const { runtime } = outputs[0];
  if (workgroups === 0 || outputs.every((y) => y.size === 0)) return;
  const unfit = strided2 ? void 0 : outputs.find((y) => y.size > 0 && !isBindable(y));
  if (unfit) {
    throw new ShapeError(
      `${file.name}.${entry}: an output of shape ${format(unfit.shape)} is a view; kernels write row-major tensors that start on 256 bytes`
    );
  }
  const temporary = [];
  const ready = inputs.map((x2) => {
    const usable = (strided2 || isBindable(x2)) && !outputs.some((y) => y.storage === x2.storage);
    if (usable) return x2;
    const copy = runtime.copy(x2);
    temporary.push(copy);
    return copy;
  });
  const label = `${file.name}.${entry}`;
  const kernel22 = constants3 ? { file, entry, constants: constants3 } : { file, entry };
  const flops = options.flops ?? outputs[0].size;
  const bindings = (tensors) => tensors.map((x2) => bind(label, x2));
  const { faults } = runtime.gpu;
  const told = fault !== void 0;
  const params = told ? { ...options.params, fault: fault ? faults.code(fault) : 0 } : options.params;
  runtime.gpu.dispatch({
    kernel: kernel22,
    inputs: bindings(ready),
    outputs: told ? [...bindings(outputs), faults.binding] : bindings(outputs),
    workgroups,
    flops,
    ...params && { params }
  });
  for (const copy of temporary) copy.dispose();
}
function bindingStart(x2) {
  return x2.offset % (BINDING_ALIGN / BYTES[x2.dtype]);
}
function strided(x2, shape = x2.shape) {
  return { strides: broadcastStrides(x2.shape, x2.strides, shape), start: bindingStart(x2) };
}
function groupsFor(threads) {
  return Math.ceil(threads / WORKGROUP);
}
function lanesFor({ gpu }) {
  return gpu.adapter.software ? 8 : 64;
}
function expectDType(op, name, x2, ...types) {
  if (types.includes(x2.dtype)) return;
  throw new DTypeError(
    `${op}: ${name} is ${x2.dtype}, expected ${types.join(" or ")}; cast() converts`
  );
}
function expectShape(op, name, x2, expected) {
  if (x2.shape.length === expected.length && x2.shape.every((size, i) => size === expected[i]))
    return;
  throw new ShapeError(`${op}: ${name} is ${format(x2.shape)}, expected ${format(expected)}`);
}
function isBindable(x2) {
  return x2.isDense && x2.offset * BYTES[x2.dtype] % BINDING_ALIGN === 0;
}
function bind(label, x2) {
  const width = BYTES[x2.dtype];
  const block = x2.storage.block;
  if (!block)
    throw new ShapeError(`${label}: a tensor of shape ${format(x2.shape)} has no elements to read`);
  let extent = 1 + bindingStart(x2);
  for (let axis = 0; axis < x2.rank; axis++) extent += (x2.shape[axis] - 1) * x2.strides[axis];
  const bytes = Math.ceil(extent * width / 4) * 4;
  const limit = x2.runtime.gpu.limits.maxStorageBufferBindingSize;
  if (bytes > limit) {
    throw new LimitError(
      `${label}: a tensor of shape ${format(x2.shape)} takes ${bytes} bytes; this adapter binds at most ${limit} (maxStorageBufferBindingSize); split it along its first axis`
    );
  }
  return { block, offset: (x2.offset - bindingStart(x2)) * width, bytes };
}

// src/ops/ranges.ts
var ALIGN = 64;
function eachRange(tensors, fn) {
  const { runtime, size } = tensors[0];
  const bytes = runtime.gpu.limits.maxStorageBufferBindingSize;
  const most = Math.floor(bytes / (4 * ALIGN)) * ALIGN;
  if (size <= most) {
    fn(tensors);
    return;
  }
  for (let begin2 = 0; begin2 < size; begin2 += most) {
    const length = Math.min(most, size - begin2);
    const ranges = tensors.map((x2) => x2.alias([length], [1], x2.offset + begin2));
    fn(ranges);
    for (const range of ranges) range.dispose();
  }
}

// src/ops/copy.ts
var kernel = kernelFile("copy", copy_default);
function copyInto(y, x2) {
  const { width, size, shape, rank, strides, starts } = walkOf(x2.shape, [strided(x2), strided(y)]);
  const { workgroups, constants: constants3 } = spansOf(x2.runtime, size, width);
  launch(kernel, "forward", {
    inputs: [x2],
    outputs: [y],
    params: {
      size,
      xStart: starts[0],
      yStart: starts[1],
      shape,
      xStrides: strides[0],
      yStrides: strides[1],
      value: 0
    },
    constants: {
      ...constants3,
      Source: vectorOf(x2.dtype, width),
      Target: vectorOf(y.dtype, width),
      Value: y.dtype,
      RANK: rank
    },
    workgroups,
    strided: true
  });
}
function denseCopy(x2, dtype = x2.dtype) {
  const y = allocate(x2.runtime, x2.shape, dtype);
  copyInto(y, x2);
  return y;
}
function full(runtime, shape, value, dtype) {
  const y = allocate(runtime, shape, dtype);
  fill(y, value);
  return y;
}
function fill(y, value) {
  var _stack = [];
  try {
    const none = [0];
    const flat = __using(_stack, y.alias([y.size], [1], y.offset));
    eachRange([flat], ([part]) => {
      const { width, size, starts } = walkOf(part.shape, [strided(part)]);
      const { workgroups, constants: constants3 } = spansOf(y.runtime, size, width);
      launch(kernel, "fill", {
        inputs: [],
        outputs: [part],
        params: {
          size,
          xStart: 0,
          yStart: starts[0],
          shape: none,
          xStrides: none,
          yStrides: none,
          value: scalarBits("fill", value, y.dtype)
        },
        constants: {
          ...constants3,
          Source: vectorOf(y.dtype, width),
          Target: vectorOf(y.dtype, width),
          Value: y.dtype,
          Carrier: CARRIER[y.dtype]
        },
        workgroups,
        strided: true
      });
    });
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function cast(x2, dtype) {
  if (x2.dtype === dtype) return x2;
  const output = denseCopy(x2, dtype);
  if (!isFloat(dtype)) return output;
  return record({
    name: "cast",
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => [cast(dy, x2.dtype)]
  });
}
function writeAt(dst, src, start2, { axis = 0 } = {}) {
  const along2 = resolveAxis("writeAt", axis, dst.rank);
  expectDType("writeAt", "src", src, dst.dtype);
  const end = start2 + (src.shape[along2] ?? 0);
  const expected = dst.shape.map((size, i) => i === along2 ? end - start2 : size);
  if (!sameShape(src.shape, expected) || !Number.isInteger(start2) || start2 < 0 || end > dst.shape[along2]) {
    throw new ShapeError(
      `writeAt: src ${format(src.shape)} does not fit into ${format(dst.shape)} at ${start2} along axis ${along2}`
    );
  }
  const view = dst.alias(src.shape, dst.strides, dst.offset + start2 * dst.strides[along2]);
  copyInto(view, src);
  view.dispose();
}

// kernels/reduce.wgsl
var reduce_default2 = "// Sums over the middle axis of x (outer, R, inner), scaled:  y[o, c, i] = scale \u03A3_r x[o, r, i].\n// A long axis is cut into chunks c; the host adds their partial sums in a second launch. Fixed order, no atomics.\n//   rows      inner = 1: one workgroup per (o, c), its lanes stride along r\n//   columns   one thread per (o, c, i): neighbours read neighbouring memory\n\nalias Element = f32;   // of x\nalias Result = f32;    // of y\n\nstruct Params {\n  outputs: u32,       // outer * chunks * inner\n  length: u32,        // R\n  inner: u32,\n  chunks: u32,\n  chunkLength: u32,   // rows of a chunk; the last may be shorter\n  scale: f32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Element>;         // (outer, R, inner)\n@group(0) @binding(1) var<storage, read_write> y: array<Result>;    // (outer, chunks, inner)\n\n@compute @workgroup_size(LANES)\nfn rows(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let output = group.x + group.y * groups.x;\n  if (output >= params.outputs) { return; }\n  let begin = (output % params.chunks) * params.chunkLength;\n  let end = min(begin + params.chunkLength, params.length);\n  let row = (output / params.chunks) * params.length;\n  var total = 0f;\n  for (var r = begin + lane; r < end; r += LANES) { total += f32(x[row + r]); }\n  total = workgroup_sum(total, lane);\n  if (lane == 0u) { y[output] = Result(total * params.scale); }\n}\n\n@compute @workgroup_size(64)\nfn columns(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let output = (group.x + group.y * groups.x) * 64u + lane;\n  if (output >= params.outputs) { return; }\n  let i = output % params.inner;\n  let chunk = (output / params.inner) % params.chunks;\n  let o = output / (params.inner * params.chunks);\n  let begin = chunk * params.chunkLength;\n  let end = min(begin + params.chunkLength, params.length);\n  var total = 0f;\n  for (var r = begin; r < end; r++) { total += f32(x[(o * params.length + r) * params.inner + i]); }\n  y[output] = Result(total * params.scale);\n}\n";

// src/ops/reduce.ts
init_errors();

// kernels/gather.wgsl
var gather_default = "// Elements picked by an index along one axis, and its transpose. For the middle axis of three:\n//   forward        y[o, p, n] = x[o, indices[o, p, n], n]            0 and a fault where the index is out of range\n//   scatter_add    x[o, c, n] = \u03A3 { y[o, p, n] : indices[o, p, n] = c }\n//   destinations   where in a dense x each element of y belongs; 2^32 - 1 for an index out of range\n// y has the shape of the indices, which may be shorter than x along any axis. Each thread owns one element of the\n// output; scatter_add looks through the whole axis of indices, in order, so it suits short ones.\n\nalias Element = f32;\nalias Index = i32;\n\nstruct Params {\n  size: u32,               // threads: elements of the output\n  rank: u32,\n  axisSize: u32,           // of x in forward and destinations, of the indices in scatter_add\n  axisStride: u32,         // likewise, in elements as all strides\n  axis: u32,\n  fault: u32,\n  shape: array<vec4u, 2>,    // of the output\n  strides: array<vec4u, 2>,  // of the tensor that axisSize belongs to; 0 on the axis\n  bounds: array<vec4u, 2>,   // scatter_add: the indices' shape; no bound on the axis\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Element>;                 // forward\n@group(0) @binding(1) var<storage, read> indices: array<Index>;\n@group(0) @binding(2) var<storage, read_write> y: array<Element>;\n@group(0) @binding(3) var<storage, read_write> fault: array<u32>;\n@group(0) @binding(0) var<storage, read> dy: array<Element>;                // scatter_add\n@group(0) @binding(2) var<storage, read_write> dx: array<Element>;\n@group(0) @binding(0) var<storage, read> own_indices: array<Index>;         // destinations\n@group(0) @binding(1) var<storage, read_write> places: array<u32>;\n\n/// Where element i of the output finds the other tensor's line along the axis.\nstruct Line {\n  start: u32,\n  at: u32,        // i's own coordinate on the axis\n  inside: bool,   // within the bounds on the other axes\n}\n\nfn line_of(i: u32) -> Line {\n  var line = Line(0u, 0u, true);\n  var rest = i;\n  for (var axis = i32(params.rank) - 1; axis >= 0; axis--) {\n    let size = params.shape[axis / 4][axis % 4];\n    let at = rest % size;\n    rest /= size;\n    line.start += at * params.strides[axis / 4][axis % 4];\n    line.inside = line.inside && at < params.bounds[axis / 4][axis % 4];\n    if (u32(axis) == params.axis) { line.at = at; }\n  }\n  return line;\n}\n\n@compute @workgroup_size(64)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  let index = u32(indices[i]);   // a negative one becomes a large one\n  if (index < params.axisSize) {\n    y[i] = x[line_of(i).start + index * params.axisStride];\n  } else {\n    y[i] = Element(0);\n    if (fault[0] == 0u) { fault[0] = params.fault; }\n  }\n}\n\n@compute @workgroup_size(64)\nfn scatter_add(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  let line = line_of(i);\n  let axisSize = select(0u, params.axisSize, line.inside);\n  var sum = 0f;\n  for (var p = 0u; p < axisSize; p++) {\n    let entry = line.start + p * params.axisStride;\n    if (u32(indices[entry]) == line.at) { sum += f32(dy[entry]); }\n  }\n  dx[i] = Element(sum);\n}\n\n@compute @workgroup_size(64)\nfn destinations(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  let index = u32(own_indices[i]);\n  let place = line_of(i).start + index * params.axisStride;\n  places[i] = select(0xffffffffu, place, index < params.axisSize);\n}\n";

// src/ops/gather.ts
init_errors();

// kernels/embedding.wgsl
var embedding_default = "// Rows of a table by their ids, and the transpose.\n//   forward        y[t, d] = weight[ids[t], d]              weight (V, D)   ids (T)   y (T, D)\n//   scatter_rows   x[v, d] = \u03A3 { y[t, d] : ids[t] = v }     in the order of t\n//   one_hot        y[t, d] = 1 where ids[t] = d, else 0     d < V\n//   row_starts     starts[v] = number of ids below v        v = 0 \u2026 V\n// An id out of [0, V) gives zeros and a fault; scatter_rows leaves it out, and row_starts tells if it is asked to. A workgroup owns `perGroup` rows of the output, and\n// its threads share each row, in elements or vectors of four (a division per element would cost more than its copy). A\n// table over the binding limit comes in blocks of rows from `firstRow` on; forward then writes the y of the ids in its block,\n// and the block that starts at 0 those of the ids out of range. scatter_rows gets the pairs (id, t) sorted, and\n// row_starts finds by bisection where each id begins among them.\n\nalias Element = f32;\nalias Sum = f32;   // of Elements\nalias Id = i32;\n\nstruct Params {\n  size: u32,       // Elements of the output\n  D: u32,          // Elements of a row\n  V: u32,          // rows of the table\n  T: u32,          // ids\n  firstRow: u32,   // of this block\n  rows: u32,       // in this block\n  perGroup: u32,\n  fault: u32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> weight: array<Element>;            // forward\n@group(0) @binding(1) var<storage, read> ids: array<Id>;\n@group(0) @binding(2) var<storage, read_write> y: array<Element>;\n@group(0) @binding(3) var<storage, read_write> fault: array<u32>;\n@group(0) @binding(0) var<storage, read> values: array<Element>;            // scatter_rows: y\n@group(0) @binding(1) var<storage, read> pairs: array<vec2u>;               // (id, t), ascending\n@group(0) @binding(2) var<storage, read> starts: array<u32>;\n@group(0) @binding(3) var<storage, read_write> x: array<Element>;\n@group(0) @binding(0) var<storage, read> sorted_pairs: array<vec2u>;        // row_starts\n@group(0) @binding(1) var<storage, read_write> row_begins: array<u32>;\n@group(0) @binding(2) var<storage, read_write> stray: array<u32>;\n@group(0) @binding(0) var<storage, read> hot_ids: array<Id>;                // one_hot\n@group(0) @binding(1) var<storage, read_write> hot: array<f32>;\n@group(0) @binding(2) var<storage, read_write> hot_fault: array<u32>;\n\n@compute @workgroup_size(LANES)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let begin = (group.x + group.y * groups.x) * params.perGroup;\n  for (var t = begin; t < min(begin + params.perGroup, params.T); t++) {\n    let id = u32(ids[t]);   // a negative one becomes a large one\n    let row = id - params.firstRow;\n    if (id < params.V && row < params.rows) {\n      for (var d = lane; d < params.D; d += LANES) { y[t * params.D + d] = weight[row * params.D + d]; }\n    } else if (id >= params.V && params.firstRow == 0u) {\n      for (var d = lane; d < params.D; d += LANES) { y[t * params.D + d] = Element(0); }\n      if (fault[0] == 0u) { fault[0] = params.fault; }\n    }\n  }\n}\n\n@compute @workgroup_size(64)\nfn row_starts(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let id = (group.x + group.y * groups.x) * 64u + lane;\n  if (id > params.V) { return; }\n  var low = 0u;\n  var high = params.T;\n  while (low < high) {\n    let middle = (low + high) / 2u;\n    if (sorted_pairs[middle].x < id) { low = middle + 1u; } else { high = middle; }\n  }\n  row_begins[id] = low;\n  if (id == params.V && low < params.T && stray[0] == 0u) { stray[0] = params.fault; }\n}\n\n@compute @workgroup_size(LANES)\nfn scatter_rows(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let first = (group.x + group.y * groups.x) * params.perGroup;\n  for (var row = first; row < min(first + params.perGroup, params.rows); row++) {\n    let begin = starts[params.firstRow + row];\n    let end = starts[params.firstRow + row + 1u];\n    for (var d = lane; d < params.D; d += LANES) {\n      var sum = Sum(0);\n      for (var at = begin; at < end; at++) { sum += Sum(values[pairs[at].y * params.D + d]); }\n      x[row * params.D + d] = Element(sum);\n    }\n  }\n}\n\n@compute @workgroup_size(64)\nfn one_hot(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  let id = u32(hot_ids[i / params.V]);\n  hot[i] = select(0f, 1f, id == i % params.V);\n  if (id >= params.V && hot_fault[0] == 0u) { hot_fault[0] = params.fault; }\n}\n";

// src/ops/embedding.ts
init_errors();

// kernels/packed.wgsl
var packed_default2 = "// Frozen weights in u32 words, which every adapter can read: halves at half the memory of f32, bytes at a quarter.\n//   unpack          halves, y[2i], y[2i + 1] = the low and the high half of x[i]; one thread per pair\n//   unpack_fours    the same, one thread per four pairs, where they are a multiple of four\n//   unpack_bytes    y[r, c] = scale[r] q[r, c], a row's bytes and then its scale; one thread per four words of bytes\n\nstruct Params {\n  threads: u32,\n  perRow: u32,   // of unpack_bytes: threads of a row\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<u32>;               // unpack\n@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;\n\n@group(0) @binding(0) var<storage, read> fours: array<vec4u>;         // unpack_fours, unpack_bytes\n@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;\n\n@compute @workgroup_size(64)\nfn unpack(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i < params.threads) { y[i] = unpacked_halves(vec2u(x[i])).xy; }\n}\n\n@compute @workgroup_size(64)\nfn unpack_fours(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i < params.threads) {\n    let pairs = fours[i];\n    values[2u * i] = unpacked_halves(pairs.xy);\n    values[2u * i + 1u] = unpacked_halves(pairs.zw);\n  }\n}\n\n@compute @workgroup_size(64)\nfn unpack_bytes(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.threads) { return; }\n  let row = i / params.perRow;\n  let words = fours[i + row];\n  let scale = byte_scale(fours[(row + 1u) * (params.perRow + 1u) - 1u]);\n  values[4u * i] = scale * unpacked_bytes(words.x);\n  values[4u * i + 1u] = scale * unpacked_bytes(words.y);\n  values[4u * i + 2u] = scale * unpacked_bytes(words.z);\n  values[4u * i + 3u] = scale * unpacked_bytes(words.w);\n}\n";

// src/ops/packed.ts
init_errors();

// src/ops/row_blocks.ts
var BINDING_ALIGN2 = 256;
function rowBlocks(x2) {
  const cols = x2.shape.at(-1);
  const rows2 = cols === 0 ? 0 : x2.size / cols;
  const limit = x2.runtime.gpu.limits.maxStorageBufferBindingSize;
  const rowBytes = cols * BYTES[x2.dtype];
  const step = BINDING_ALIGN2 / greatestCommonDivisor(rowBytes, BINDING_ALIGN2);
  const fitting = Math.max(step, Math.floor(limit / rowBytes / step) * step);
  const most = rows2 * rowBytes <= limit ? rows2 : fitting;
  const blocks = [];
  for (let first = 0; first < rows2; first += most) {
    const count2 = Math.min(most, rows2 - first);
    const view = x2.alias([count2, cols], [cols, 1], x2.offset + first * cols);
    blocks.push({ view, first, count: count2 });
  }
  return blocks;
}
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

// src/ops/packed.ts
var kernel2 = kernelFile("packed", packed_default2);
var TAIL = 4;
function packedType(op, x2) {
  const { packed } = x2.storage;
  if (x2.dtype === "u32" && packed) return packed;
  throw new DTypeError(
    `${op}: a ${x2.dtype} tensor ${format(x2.shape)} holds no packed weight; make it with packWeight`
  );
}
function weightShape(x2) {
  const words2 = x2.shape.at(-1) ?? 1;
  if (x2.dtype !== "u32") return x2.shape;
  return [...x2.shape.slice(0, -1), x2.storage.packed === "int8" ? 4 * (words2 - TAIL) : 2 * words2];
}
function unpackWeight(x2) {
  const type = packedType("unpackWeight", x2);
  const words2 = x2.shape.at(-1);
  const table2 = x2.runtime.dense(x2);
  const y = allocate(x2.runtime, weightShape(x2), "f32");
  for (const { view, first, count: count2 } of rowBlocks(y)) {
    var _stack = [];
    try {
      const rows2 = __using(_stack, table2.alias([count2, words2], [words2, 1], table2.offset + first * words2));
      unpackRows(view, rows2, type);
      view.dispose();
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  if (table2 !== x2) table2.dispose();
  return y;
}
function unpackRows(y, rows2, type) {
  const perRow2 = rows2.shape[1] / 4 - 1;
  const inFours = rows2.size % 4 === 0;
  const [entry, threads] = type === "int8" ? ["unpack_bytes", rows2.shape[0] * perRow2] : [inFours ? "unpack_fours" : "unpack", inFours ? rows2.size / 4 : rows2.size];
  launch(kernel2, entry, {
    inputs: [rows2],
    outputs: [y],
    params: { threads, perRow: Math.max(0, Math.floor(perRow2)) },
    constants: { WEIGHT: `WEIGHT_${type.toUpperCase()}` },
    workgroups: groupsFor(threads)
  });
}

// kernels/sort.wgsl
var sort_default = "// Stable sort of positions by a small key: pairs (key, position), keys ascending, equal keys in the order of positions.\n// A key out of [0, limit) becomes `limit`: it comes last.\n//\n//   rank        O(T\xB2) for few keys: a pair's place is the number of pairs in front of it\n//   histogram   radix sort, 8 bits a pass: how often each digit occurs in each block of BLOCK pairs\n//   scan        exclusive prefix sums over (digit, block): where a block's first pair with that digit goes\n//   scatter     each pair to that place plus its rank among the equal digits of its block\n//   in_group    the whole radix sort in one workgroup of few threads, each of which takes neighbouring pairs in their\n//               order and counts for itself; for CPU adapters, where launches and barriers cost more than that\n// The passes follow Satish, Harris & Garland 2009. Integers only, so the order of the atomics leaves no trace.\n// In rank, histogram and scatter a thread owns a pair; in scan and in_group it owns a run of counters.\n\nalias Key = i32;\nconst BLOCK: u32 = 256u;    // pairs, and threads, of a workgroup\nconst DIGITS: u32 = 256u;   // values of the 8 bits of a pass\nconst RUNS: u32 = 8u;       // threads of in_group\n\nstruct Params { size: u32, limit: u32, shift: u32, blocks: u32 }\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> keys: array<Key>;\n@group(0) @binding(1) var<storage, read_write> ranked: array<vec2u>;    // rank\n@group(0) @binding(1) var<storage, read> pairs: array<vec2u>;           // histogram, scatter: of the pass before\n@group(0) @binding(2) var<storage, read_write> counts: array<u32>;      // histogram: (DIGITS, blocks)\n@group(0) @binding(2) var<storage, read> places: array<u32>;            // scatter: the scanned counts\n@group(0) @binding(3) var<storage, read_write> sorted: array<vec2u>;\n@group(0) @binding(0) var<storage, read_write> scanned: array<u32>;     // scan, in place\n@group(0) @binding(1) var<storage, read_write> odd: array<vec2u>;       // in_group: sorted by 1, 3, \u2026 digits\n@group(0) @binding(2) var<storage, read_write> even: array<vec2u>;      // by 2, 4, \u2026\n\nvar<workgroup> digit_counts: array<atomic<u32>, DIGITS>;\nvar<workgroup> block_digits: array<u32, BLOCK>;\nvar<workgroup> run_sums: array<u32, BLOCK>;\n\nfn key_at(i: u32) -> u32 {\n  return min(u32(keys[i]), params.limit);   // a negative key is a large one\n}\n\n/// The first pass makes the pairs; later ones read them.\nfn pair_at(i: u32) -> vec2u {\n  if (params.shift == 0u) { return vec2u(key_at(i), i); }\n  return pairs[i];\n}\n\nfn digit_of(pair: vec2u) -> u32 {\n  return (pair.x >> params.shift) % DIGITS;\n}\n\n@compute @workgroup_size(64)\nfn rank(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  let key = key_at(i);\n  var place = 0u;\n  for (var j = 0u; j < params.size; j++) {\n    let other = key_at(j);\n    place += select(0u, 1u, other < key || (other == key && j < i));\n  }\n  ranked[place] = vec2u(key, i);\n}\n\n@compute @workgroup_size(BLOCK)\nfn histogram(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let block = group.x + group.y * groups.x;\n  let i = block * BLOCK + lane;\n  atomicStore(&digit_counts[lane], 0u);\n  workgroupBarrier();\n  if (i < params.size) { atomicAdd(&digit_counts[digit_of(pair_at(i))], 1u); }\n  workgroupBarrier();\n  if (block < params.blocks) { counts[lane * params.blocks + block] = atomicLoad(&digit_counts[lane]); }\n}\n\n@compute @workgroup_size(BLOCK)\nfn scan(@builtin(local_invocation_index) lane: u32) {\n  let first = lane * params.blocks;   // as many runs as digits\n  let end = first + params.blocks;\n  var sum = 0u;\n  for (var i = first; i < end; i++) { sum += scanned[i]; }\n  run_sums[lane] = sum;\n  workgroupBarrier();\n  var before = 0u;\n  for (var run = 0u; run < lane; run++) { before += run_sums[run]; }\n  for (var i = first; i < end; i++) {\n    let count = scanned[i];\n    scanned[i] = before;\n    before += count;\n  }\n}\n\n@compute @workgroup_size(BLOCK)\nfn scatter(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let block = group.x + group.y * groups.x;\n  let i = block * BLOCK + lane;\n  let pair = pair_at(min(i, params.size - 1u));\n  let digit = digit_of(pair);\n  block_digits[lane] = digit;\n  workgroupBarrier();\n  if (i >= params.size) { return; }\n  var equal = vec4u(0);   // of the digits in front, four at a time\n  for (var j = 0u; j < lane; j += 4u) {\n    let digits = vec4u(block_digits[j], block_digits[j + 1u], block_digits[j + 2u], block_digits[j + 3u]);\n    let in_front = vec4u(j) + vec4u(0, 1, 2, 3) < vec4u(lane);\n    equal += select(vec4u(0), vec4u(1), (digits == vec4u(digit)) & in_front);\n  }\n  sorted[places[digit * params.blocks + block] + equal.x + equal.y + equal.z + equal.w] = pair;\n}\n\nvar<workgroup> run_counts: array<u32, DIGITS * RUNS>;   // (DIGITS, RUNS), then where a run's next such pair goes\nvar<workgroup> share_sums: array<u32, RUNS>;\n\n@compute @workgroup_size(RUNS)\nfn in_group(@builtin(local_invocation_index) lane: u32) {\n  let length = (params.size + RUNS - 1u) / RUNS;\n  let begin = min(lane * length, params.size);\n  let end = min(begin + length, params.size);\n  let bits = 32u - countLeadingZeros(params.limit);\n  for (var shift = 0u; shift < bits; shift += 8u) {\n    for (var digit = 0u; digit < DIGITS; digit++) { run_counts[digit * RUNS + lane] = 0u; }\n    for (var i = begin; i < end; i++) { run_counts[counter_of(pair_before(i, shift), shift, lane)] += 1u; }\n    workgroupBarrier();\n    scan_runs(lane);\n    for (var i = begin; i < end; i++) {\n      let pair = pair_before(i, shift);\n      let counter = counter_of(pair, shift, lane);\n      let place = run_counts[counter];\n      run_counts[counter] = place + 1u;\n      if (shift % 16u == 0u) { odd[place] = pair; } else { even[place] = pair; }\n    }\n    storageBarrier();\n    workgroupBarrier();\n  }\n}\n\n/// A pair as the pass before the one of `shift` left it.\nfn pair_before(i: u32, shift: u32) -> vec2u {\n  if (shift == 0u) { return vec2u(key_at(i), i); }\n  if (shift % 16u == 0u) { return even[i]; }\n  return odd[i];\n}\n\nfn counter_of(pair: vec2u, shift: u32, lane: u32) -> u32 {\n  return (pair.x >> shift) % DIGITS * RUNS + lane;\n}\n\n/// run_counts become exclusive prefix sums; a thread takes the counters of neighbouring digits.\nfn scan_runs(lane: u32) {\n  let begin = lane * DIGITS;\n  var sum = 0u;\n  for (var i = begin; i < begin + DIGITS; i++) { sum += run_counts[i]; }\n  share_sums[lane] = sum;\n  workgroupBarrier();\n  var before = 0u;\n  for (var share = 0u; share < lane; share++) { before += share_sums[share]; }\n  for (var i = begin; i < begin + DIGITS; i++) {\n    let count = run_counts[i];\n    run_counts[i] = before;\n    before += count;\n  }\n  workgroupBarrier();\n}\n";

// src/ops/sort.ts
var kernel3 = kernelFile("sort", sort_default);
var BLOCK2 = 256;
var DIGIT_BITS = 8;
var MOST_IN_GROUP = 65536;
var MOST_COMPARED = 1024;
function sortedPairs(keys, limit) {
  var _stack = [];
  try {
    const size = keys.size;
    const blocks = Math.ceil(size / BLOCK2);
    const params = { size, limit, shift: 0, blocks };
    const constants3 = { Key: keys.dtype };
    const bits = 32 - Math.clz32(limit);
    let pairs = allocate(keys.runtime, [size, 2], "u32");
    if (keys.runtime.gpu.adapter.software && size <= MOST_IN_GROUP && bits > 0) {
      const other = allocate(keys.runtime, [size, 2], "u32");
      launch(kernel3, "in_group", {
        inputs: [keys],
        outputs: [pairs, other],
        params,
        constants: constants3,
        workgroups: 1,
        flops: 16 * size
      });
      const passes = Math.ceil(bits / DIGIT_BITS);
      const [sorted, spare] = passes % 2 === 1 ? [pairs, other] : [other, pairs];
      spare.dispose();
      return sorted;
    }
    if (size <= MOST_COMPARED) {
      const [inputs, outputs] = [[keys], [pairs]];
      launch(kernel3, "rank", {
        inputs,
        outputs,
        params,
        constants: constants3,
        workgroups: groupsFor(size),
        flops: size * size
      });
      return pairs;
    }
    let previous = allocate(keys.runtime, [size, 2], "u32");
    const counts = __using(_stack, allocate(keys.runtime, [1 << DIGIT_BITS, blocks], "u32"));
    for (let shift = 0; shift < bits; shift += DIGIT_BITS) {
      if (shift > 0) [previous, pairs] = [pairs, previous];
      const pass = { params: { ...params, shift }, constants: constants3, workgroups: blocks };
      launch(kernel3, "histogram", { ...pass, inputs: [keys, previous], outputs: [counts] });
      launch(kernel3, "scan", { ...pass, inputs: [], outputs: [counts], workgroups: 1 });
      launch(kernel3, "scatter", { ...pass, inputs: [keys, previous, counts], outputs: [pairs] });
    }
    previous.dispose();
    return pairs;
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}

// src/ops/embedding.ts
var kernel4 = kernelFile("embedding", embedding_default);
function embedding(weight, ids) {
  expectDType("embedding", "weight", weight, "f32", "f16", "u32");
  expectDType("embedding", "ids", ids, "i32", "u32");
  if (weight.rank !== 2) {
    throw new ShapeError(`embedding: weight is ${format(weight.shape)}, expected [rows, width]`);
  }
  const [V, D] = weight.shape;
  const output = allocate(weight.runtime, [...ids.shape, D], weight.dtype);
  const packed = weight.dtype === "u32";
  if (packed) output.storage.packed = packedType("embedding", weight);
  const table2 = weight.runtime.dense(weight);
  for (const { view, first, count: count2 } of rowBlocks(table2)) {
    const { params, constants: constants3, workgroups } = shareRows(output, ids.size, D);
    launch(kernel4, "forward", {
      inputs: [view, ids],
      outputs: [output],
      params: { ...params, V, T: ids.size, firstRow: first, rows: count2 },
      constants: { ...constants3, Id: ids.dtype },
      workgroups,
      fault: `embedding: an id is out of range [0, ${V})`
    });
    view.dispose();
  }
  if (table2 !== weight) table2.dispose();
  if (packed) {
    var _stack = [];
    try {
      const rows2 = __using(_stack, output);
      return unpackWeight(rows2);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  return record({
    name: "embedding",
    inputs: [weight],
    output,
    saved: [ids],
    backward: (dy, [ids2]) => [scatterRows(dy, ids2, V)]
  });
}
function scatterRows(y, ids, V, fault = null) {
  const D = y.shape.at(-1);
  expectShape("scatterRows", "y", y, [...ids.shape, D]);
  const output = y.size === 0 ? full(y.runtime, [V, D], 0, y.dtype) : sumsByRow(y, ids, V, fault);
  return record({
    name: "scatterRows",
    inputs: [y],
    output,
    saved: [ids],
    backward: (dx, [ids2]) => [embedding(dx, ids2)]
  });
}
function sumsByRow(y, ids, V, fault) {
  var _stack = [];
  try {
    const pairs = __using(_stack, sortedPairs(ids, V));
    const starts = __using(_stack, rowStarts(pairs, ids.size, V, fault));
    const D = y.shape.at(-1);
    const output = allocate(y.runtime, [V, D], y.dtype);
    for (const { view, first, count: count2 } of rowBlocks(output)) {
      const { params, constants: constants3, workgroups } = shareRows(view, count2, D);
      launch(kernel4, "scatter_rows", {
        inputs: [y, pairs, starts],
        outputs: [view],
        params: { ...params, V, T: ids.size, firstRow: first, rows: count2, fault: 0 },
        constants: constants3,
        workgroups,
        flops: view.size + y.size
      });
      view.dispose();
    }
    return output;
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function rowStarts(pairs, T2, V, fault) {
  const starts = allocate(pairs.runtime, [V + 1], "u32");
  launch(kernel4, "row_starts", {
    inputs: [pairs],
    outputs: [starts],
    params: { size: V + 1, D: 1, V, T: T2, firstRow: 0, rows: V, perGroup: 1 },
    workgroups: groupsFor(V + 1),
    fault
  });
  return starts;
}
var CPU_VECTORS = 512;
function shareRows({ runtime, dtype, size }, rows2, D) {
  const width = D % 4 === 0 ? 4 : 1;
  const fitting = runtime.gpu.adapter.software ? Math.floor(CPU_VECTORS * width / D) : 1;
  const perGroup = Math.max(1, fitting);
  const types = width === 4 ? { Element: `vec4<${dtype}>`, Sum: "vec4f" } : { Element: dtype, Sum: "f32" };
  return {
    params: { size: size / width, D: D / width, perGroup },
    constants: { ...types, LANES: lanesFor(runtime) },
    workgroups: D === 0 ? 0 : Math.ceil(rows2 / perGroup)
  };
}
function oneHot(ids, { depth }) {
  expectDType("oneHot", "ids", ids, "i32", "u32");
  if (!Number.isInteger(depth) || depth < 1) {
    throw new ConfigError(`oneHot: depth is ${depth}, expected a whole number from 1 on`);
  }
  const output = allocate(ids.runtime, [...ids.shape, depth], "f32");
  launch(kernel4, "one_hot", {
    inputs: [ids],
    outputs: [output],
    params: {
      size: output.size,
      D: 1,
      V: depth,
      T: ids.size,
      firstRow: 0,
      rows: depth,
      perGroup: 1
    },
    constants: { Id: ids.dtype },
    workgroups: groupsFor(output.size),
    fault: `oneHot: an id is out of range [0, ${depth})`
  });
  return output;
}

// src/ops/view.ts
init_errors();

// src/ops/shape_ops.ts
init_errors();
function concat(list2, { axis = 0 } = {}) {
  const [first] = list2;
  if (!first) throw new ShapeError("concat: needs at least one tensor");
  const along2 = resolveAxis("concat", axis, first.rank);
  for (const x2 of list2) {
    expectDType("concat", "each tensor", x2, first.dtype);
    const fits = x2.rank === first.rank && x2.shape.every((size, i) => i === along2 || size === first.shape[i]);
    if (!fits)
      throw new ShapeError(
        `concat: ${format(first.shape)} and ${format(x2.shape)} differ beside axis ${along2}`
      );
  }
  const sizes = list2.map((x2) => x2.shape[along2]);
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  const total = sizes.reduce((a, b) => a + b, 0);
  const output = allocate(
    first.runtime,
    first.shape.map((size, i) => i === along2 ? total : size),
    first.dtype
  );
  for (const [i, x2] of list2.entries()) writeAt(output, x2, starts[i], { axis: along2 });
  return record({
    name: "concat",
    inputs: list2,
    output,
    saved: [],
    backward: (dy) => rangesOf(dy.shape, sizes, along2).map((range) => slice(dy, range))
  });
}
function split(x2, sizes, { axis = 0 } = {}) {
  const along2 = resolveAxis("split", axis, x2.rank);
  if (sizes.length === 0 || sizes.reduce((a, b) => a + b, 0) !== x2.shape[along2]) {
    throw new ShapeError(
      `split: the sizes ${format(sizes)} do not add up to axis ${along2} of ${format(x2.shape)}`
    );
  }
  const ranges = rangesOf(x2.shape, sizes, along2);
  const rest = ranges.slice(1).map((range) => slice(x2, range));
  const { start: start2, end } = ranges[0];
  const first = noGrad(() => slice(x2, { start: start2, end }));
  record({
    name: "split",
    inputs: [x2, ...rest],
    output: first,
    saved: [],
    backward: (dy) => [
      pad(dy, { before: start2, after: x2.shape.map((size, i) => size - end[i]) }),
      ...rest.map(() => null)
    ],
    fused: (dy, _saved, take) => {
      const others = rest.map((part, i) => take(i + 1) ?? full(x2.runtime, part.shape, 0, x2.dtype));
      return [concat([dy, ...others], { axis: along2 }), ...rest.map(() => null)];
    }
  });
  return [first, ...rest];
}
function rangesOf(shape, sizes, along2) {
  const at = (value, other) => shape.map((size, i) => i === along2 ? value : other(size));
  let end = 0;
  return sizes.map((size) => {
    const start2 = end;
    end += size;
    return { start: at(start2, () => 0), end: at(end, (whole) => whole) };
  });
}
function stack(list2, { axis = 0 } = {}) {
  const [first] = list2;
  if (!first) throw new ShapeError("stack: needs at least one tensor");
  const different = list2.find((x2) => !sameShape(x2.shape, first.shape));
  if (different)
    throw new ShapeError(
      `stack: the shapes ${format(first.shape)} and ${format(different.shape)} differ`
    );
  const at = resolveAxis("stack", axis, first.rank + 1);
  const shape = [...first.shape.slice(0, at), 1, ...first.shape.slice(at)];
  return concat(
    list2.map((x2) => reshape(x2, shape)),
    { axis: at }
  );
}
function pad(x2, {
  before,
  after,
  value = 0
}) {
  if (before.length !== x2.rank || after.length !== x2.rank || [...before, ...after].some((n) => n < 0)) {
    throw new ShapeError(
      `pad: before ${format(before)} and after ${format(after)} do not fit ${format(x2.shape)}`
    );
  }
  const shape = x2.shape.map((size, axis) => before[axis] + size + after[axis]);
  const output = allocate(x2.runtime, shape, x2.dtype);
  fill(output, value);
  const offset = before.reduce((sum2, n, axis) => sum2 + n * output.strides[axis], output.offset);
  const inside2 = output.alias(x2.shape, output.strides, offset);
  if (x2.size > 0) copyInto(inside2, x2);
  inside2.dispose();
  const end = before.map((n, axis) => n + x2.shape[axis]);
  return record({
    name: "pad",
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => [slice(dy, { start: before, end })]
  });
}

// src/ops/view.ts
function reshape(x2, shape) {
  const target2 = resolveShape(x2, shape);
  const strides = reshapedStrides(x2, target2);
  const output = strides ? x2.alias(target2, strides, x2.offset) : denseView(x2, target2);
  return record({
    name: "reshape",
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => [reshape(dy, x2.shape)]
  });
}
function transpose(x2, axis0 = -2, axis1 = -1) {
  const axes = x2.shape.map((_, axis) => axis);
  const i = resolveAxis("transpose", axis0, x2.rank);
  const j = resolveAxis("transpose", axis1, x2.rank);
  [axes[i], axes[j]] = [j, i];
  return permute(x2, axes);
}
function permute(x2, axes) {
  const from = axes.map((axis) => resolveAxis("permute", axis, x2.rank));
  if (from.length !== x2.rank || new Set(from).size !== x2.rank) {
    throw new ShapeError(
      `permute: ${format(axes)} is no order of the ${x2.rank} axes of ${format(x2.shape)}`
    );
  }
  const shape = from.map((axis) => x2.shape[axis]);
  const output = x2.alias(
    shape,
    from.map((axis) => x2.strides[axis]),
    x2.offset
  );
  const back = from.map((_, axis) => from.indexOf(axis));
  return record({
    name: "permute",
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => [permute(dy, back)]
  });
}
function slice(x2, { start: start2, end }) {
  const from = x2.shape.map((_, axis) => start2?.[axis] ?? 0);
  const to = x2.shape.map((size, axis) => end?.[axis] ?? size);
  const fits = from.every(
    (begin2, axis) => begin2 >= 0 && begin2 <= to[axis] && to[axis] <= x2.shape[axis]
  );
  const whole = [...from, ...to].every(Number.isInteger);
  if (!fits || !whole || [start2, end].some((list2) => list2 && list2.length > x2.rank)) {
    throw new ShapeError(
      `slice: from ${format(from)} to ${format(to)} is no part of ${format(x2.shape)}`
    );
  }
  const offset = from.reduce((sum2, begin2, axis) => sum2 + begin2 * x2.strides[axis], x2.offset);
  const shape = to.map((stop, axis) => stop - from[axis]);
  const after = to.map((stop, axis) => x2.shape[axis] - stop);
  const output = x2.alias(shape, x2.strides, offset);
  return record({
    name: "slice",
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => [pad(dy, { before: from, after })]
  });
}
function expand(x2, shape) {
  const extra = shape.length - x2.rank;
  const fits = extra >= 0 && x2.shape.every((size, axis2) => size === 1 || size === shape[axis2 + extra]);
  if (!fits)
    throw new ShapeError(`expand: ${format(x2.shape)} does not stretch to ${format(shape)}`);
  const output = x2.alias(shape, broadcastStrides(x2.shape, x2.strides, shape), x2.offset);
  const axis = stretchedAxes(x2.shape, shape);
  return record({
    name: "expand",
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => [axis.length === 0 ? dy : reshape(sum(dy, { axis }), x2.shape)]
  });
}
function resolveShape(x2, shape) {
  const known = sizeOf(shape.filter((size) => size !== -1));
  const target2 = shape.map((size) => size === -1 ? x2.size / known : size);
  if (shape.filter((size) => size === -1).length <= 1 && sizeOf(target2) === x2.size && target2.every((size) => Number.isInteger(size) && size >= 0)) {
    return target2;
  }
  throw new ShapeError(
    `reshape: ${format(x2.shape)} has ${x2.size} elements, ${format(shape)} does not`
  );
}
function reshapedStrides(x2, target2) {
  if (x2.isDense || x2.size === 0) return denseStrides(target2);
  const real = x2.shape.map((_, axis2) => axis2).filter((axis2) => x2.shape[axis2] !== 1);
  const sizes = real.map((axis2) => x2.shape[axis2]);
  const steps = real.map((axis2) => x2.strides[axis2]);
  const strides = new Array(target2.length).fill(1);
  let axis = 0;
  let to = 0;
  while (axis < sizes.length) {
    let size = sizes[axis];
    const begin2 = to;
    let wanted = target2[to++];
    while (wanted !== size) {
      if (wanted < size) wanted *= target2[to++];
      else {
        axis++;
        size *= sizes[axis];
        if (steps[axis - 1] !== steps[axis] * sizes[axis]) return null;
      }
    }
    let stride = steps[axis];
    for (let i = to - 1; i >= begin2; i--) {
      strides[i] = stride;
      stride *= target2[i];
    }
    axis++;
  }
  return strides;
}
function denseView(x2, shape) {
  var _stack = [];
  try {
    const copy = __using(_stack, denseCopy(x2));
    return copy.alias(shape, denseStrides(shape), copy.offset);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}

// src/ops/gather.ts
var kernel5 = kernelFile("gather", gather_default);
var LONGEST_LOOKED_THROUGH = 64;
var UNBOUNDED = 4294967295;
function gather(x2, indices, { axis }) {
  expectDType("gather", "indices", indices, "i32", "u32");
  const at = checkIndices(x2.shape, indices.shape, axis);
  const output = allocate(x2.runtime, indices.shape, x2.dtype);
  launch(kernel5, "forward", {
    inputs: [x2, indices],
    outputs: [output],
    params: walk(indices.shape, x2.shape, at),
    constants: { Element: x2.dtype, Index: indices.dtype },
    workgroups: groupsFor(output.size),
    fault: `gather: an index is out of range [0, ${x2.shape[at]})`
  });
  return record({
    name: "gather",
    inputs: [x2],
    output,
    saved: [indices],
    backward: (dy, [indices2]) => [scatterAdd(dy, indices2, x2.shape, { axis: at })]
  });
}
function scatterAdd(y, indices, shape, { axis }) {
  const at = checkIndices(shape, indices.shape, axis);
  if (y.size === 0) return full(y.runtime, shape, 0, y.dtype);
  if (indices.shape[at] > LONGEST_LOOKED_THROUGH) {
    var _stack = [];
    try {
      const places = __using(_stack, destinations(indices, shape, at));
      return reshape(scatterRows(reshape(y, [y.size, 1]), places, sizeOf(shape)), shape);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  const output = allocate(y.runtime, shape, y.dtype);
  launch(kernel5, "scatter_add", {
    inputs: [y, indices],
    outputs: [output],
    params: { ...walk(shape, indices.shape, at), fault: 0 },
    constants: { Element: y.dtype, Index: indices.dtype },
    workgroups: groupsFor(output.size),
    flops: output.size * indices.shape[at]
  });
  return record({
    name: "scatterAdd",
    inputs: [y],
    output,
    saved: [indices],
    backward: (dx, [indices2]) => [gather(dx, indices2, { axis: at })]
  });
}
function destinations(indices, shape, axis) {
  const places = allocate(indices.runtime, [indices.size], "u32");
  launch(kernel5, "destinations", {
    inputs: [indices],
    outputs: [places],
    params: { ...walk(indices.shape, shape, axis), fault: 0 },
    constants: { Index: indices.dtype },
    workgroups: groupsFor(indices.size)
  });
  return places;
}
function walk(shape, other, axis) {
  const strides = denseStrides(other);
  return {
    size: sizeOf(shape),
    rank: shape.length,
    axis,
    axisSize: other[axis],
    axisStride: strides[axis],
    shape,
    strides: strides.with(axis, 0),
    bounds: [...other].with(axis, UNBOUNDED)
  };
}
function checkIndices(x2, indices, axis) {
  const at = resolveAxis("gather", axis, x2.length);
  const fits = indices.every((size, i) => i === at || size <= x2[i]);
  if (indices.length === x2.length && fits) return at;
  throw new ShapeError(
    `gather: x is ${format(x2)} and the indices are ${format(indices)}; they need as many axes, none longer than x's but axis ${at}`
  );
}

// src/ops/rows.ts
var SHORT_ROW = 32;
function rowsAlong(op, x2, axis) {
  const at = resolveAxis(op, axis, x2.rank);
  const cols = x2.shape[at];
  const inner = sizeOf(x2.shape.slice(at + 1));
  const rows2 = sizeOf(x2.shape.slice(0, at)) * inner;
  const lanes = lanesFor(x2.runtime);
  const short = cols <= SHORT_ROW || inner > 1 && rows2 >= cols;
  const many = x2.runtime.gpu.adapter.software && rows2 >= 4 * lanes;
  const perThread = short || many;
  const threads = short ? WORKGROUP : lanes;
  return {
    axis: at,
    rows: rows2,
    cols,
    inner,
    workgroups: perThread ? Math.ceil(rows2 / threads) : rows2,
    constants: { ROW_PER_THREAD: String(perThread), LANES: threads }
  };
}
function rowVectorsAlong(op, x2, axis) {
  const along2 = rowsAlong(op, x2, axis);
  const { constants: constants3 } = along2;
  if (along2.inner > 1 || along2.cols % 4 !== 0) {
    return { ...along2, width: 1, constants: { ...constants3, Element: x2.dtype } };
  }
  const fours = { Floats: "vec4f", FLOATS: 4, PLACES: "vec4f(0f, 1f, 2f, 3f)" };
  return { ...along2, width: 4, constants: { ...constants3, ...fours, Element: `vec4<${x2.dtype}>` } };
}

// kernels/unary.wgsl
var unary_default = "// Elementwise functions of one tensor, and their gradients.\n//   forward    y[i]  = f(x[i])\n//   backward   dx[i] = dy[i] * f'(x[i])\n// OP names the function; the compiler folds the switch. A thread owns vectors of four elements where the size is a\n// multiple of four, else single elements.\n\nalias Element = f32;\nconst WIDTH: u32 = 1u;              // elements of a vector\nalias Vector = array<Element, 1>;   // vec4<Element> for four\n\nconst RELU = 0u;\nconst GELU = 1u;        // x \u03A6(x)\nconst GELU_TANH = 2u;   // x/2 (1 + tanh(\u221A(2/\u03C0) (x + 0.044715 x\xB3)))\nconst SILU = 3u;        // x \u03C3(x)\nconst TANH = 4u;\nconst SIGMOID = 5u;\nconst SOFTPLUS = 6u;    // ln(1 + e\u02E3)\nconst SQUARE = 7u;\nconst SQRT = 8u;\nconst EXP = 9u;\nconst LOG = 10u;\nconst ABS = 11u;\nconst ERF = 12u;\nconst CLAMP = 13u;      // to [a, b]\nconst NEG = 14u;\nconst OP: u32 = RELU;\n\nstruct Params { size: u32, a: f32, b: f32 }   // size in vectors\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Vector>;\n@group(0) @binding(1) var<storage, read_write> y: array<Vector>;   // forward\n@group(0) @binding(1) var<storage, read> dy: array<Vector>;        // backward\n@group(0) @binding(2) var<storage, read_write> dx: array<Vector>;\n\nconst GELU_SCALE = 0.7978845608028654;   // \u221A(2/\u03C0)\nconst GELU_CUBIC = 0.044715;\nconst INV_SQRT_2PI = 0.3989422804014327;\n\nfn f(x: f32) -> f32 {\n  switch OP {\n    case RELU: { return max(x, 0f); }\n    case GELU: { return x * normal_cdf(x); }\n    case GELU_TANH: { return 0.5 * x * (1f + tanh_safe(GELU_SCALE * (x + GELU_CUBIC * x * x * x))); }\n    case SILU: { return x * sigmoid(x); }\n    case TANH: { return tanh_safe(x); }\n    case SIGMOID: { return sigmoid(x); }\n    case SOFTPLUS: { return softplus(x); }\n    case SQUARE: { return x * x; }\n    case SQRT: { return sqrt_precise(x); }\n    case EXP: { return exp_safe(x); }\n    case LOG: { return log_precise(x); }\n    case ABS: { return abs(x); }\n    case ERF: { return erf(x); }\n    case CLAMP: { return clamp(x, params.a, params.b); }\n    default: { return -x; }\n  }\n}\n\nfn df(x: f32) -> f32 {\n  switch OP {\n    case RELU: { return select(0f, 1f, x > 0f); }\n    case GELU: {\n      let a = min(abs(x), 14.0);   // as normal_cdf, whose exponential this then is\n      return normal_cdf(x) + x * INV_SQRT_2PI * exp_safe(-(0.5 * a * a));\n    }\n    case GELU_TANH: {\n      let c = clamp(x, -10f, 10f);   // the slope is 0 or 1 from there on, where x\xB2 would overflow\n      let t = tanh_safe(GELU_SCALE * (c + GELU_CUBIC * c * c * c));\n      return 0.5 * (1f + t) + 0.5 * c * (1f - t * t) * GELU_SCALE * (1f + 3f * GELU_CUBIC * c * c);\n    }\n    case SILU: { let s = sigmoid(x); return s * (1f + x * (1f - s)); }\n    case TANH: { let t = tanh_safe(x); return 1f - t * t; }\n    case SIGMOID: { let s = sigmoid(x); return s * (1f - s); }\n    case SOFTPLUS: { return sigmoid(x); }\n    case SQUARE: { return 2f * x; }\n    case SQRT: { return 0.5 / sqrt_precise(x); }\n    case EXP: { return exp_safe(x); }\n    case LOG: { return 1f / x; }\n    case ABS: { return sign(x); }\n    case ERF: { return 1.1283791670955126 * exp_safe(-x * x); }\n    case CLAMP: { return select(0f, 1f, x >= params.a && x <= params.b); }\n    default: { return -1f; }\n  }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let xs = x[i];\n    var ys: Vector;\n    for (var c = 0u; c < WIDTH; c++) { ys[c] = Element(f(f32(xs[c]))); }\n    y[i] = ys;\n  }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let xs = x[i];\n    let dys = dy[i];\n    var dxs: Vector;\n    for (var c = 0u; c < WIDTH; c++) { dxs[c] = Element(f32(dys[c]) * df(f32(xs[c]))); }\n    dx[i] = dxs;\n  }\n}\n";

// src/ops/unary.ts
var kernel6 = kernelFile("unary", unary_default);
var NO_BOUNDS = { a: 0, b: 0 };
function unary(op, x2, derivative2, bounds = NO_BOUNDS) {
  const [name] = op.toLowerCase().split("_");
  expectDType(name, "x", x2, "f32", "f16");
  const output = run(op, "forward", [x2], bounds);
  return record({
    name,
    inputs: [x2],
    output,
    saved: [x2, output],
    backward: (dy, [x3, y]) => [derivative2(dy, x3, y)],
    fused: (dy, [x3]) => [run(op, "backward", [x3, dy], bounds)]
  });
}
function run(op, entry, inputs, bounds) {
  const [x2] = inputs;
  const output = allocate(x2.runtime, x2.shape, x2.dtype);
  const width = widthFor(x2.size);
  const size = x2.size / width;
  const { workgroups, constants: constants3 } = spansOf(x2.runtime, size, width);
  launch(kernel6, entry, {
    inputs: inputs.filter((each) => each !== void 0),
    outputs: [output],
    params: { size, ...bounds },
    constants: {
      ...constants3,
      OP: op,
      Element: x2.dtype,
      ...vectorConstants(width)
    },
    workgroups
  });
  return output;
}
function relu(x2) {
  return unary("RELU", x2, (dy, x3) => mul(dy, cast(greater(x3, 0), x3.dtype)));
}
function reluGradient(dy, y) {
  return record({
    name: "reluGradient",
    inputs: [dy],
    output: run("RELU", "backward", [y, dy], NO_BOUNDS),
    saved: [y],
    backward: (ddx, [y2]) => [reluGradient(ddx, y2)]
  });
}
function gelu(x2, { approximate = "none" } = {}) {
  if (approximate === "tanh") return unary("GELU_TANH", x2, geluTanhDerivative);
  return unary("GELU", x2, (dy, x3) => {
    const cdf = mul(add(erf(mul(x3, Math.SQRT1_2)), 1), 0.5);
    const density = mul(exp(mul(square(x3), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(dy, add(cdf, mul(x3, density)));
  });
}
function geluTanhDerivative(dy, unbounded) {
  const s = Math.sqrt(2 / Math.PI);
  const c = 0.044715;
  const x2 = clamp(unbounded, { min: -10, max: 10 });
  const x22 = square(x2);
  const t2 = tanh(mul(mul(x2, add(mul(x22, c), 1)), s));
  const slope = mul(mul(x2, sub(1, square(t2))), mul(add(mul(x22, 3 * c), 1), s / 2));
  return mul(dy, add(mul(add(t2, 1), 0.5), slope));
}
function silu(x2) {
  return unary("SILU", x2, (dy, x3) => {
    const s = sigmoid(x3);
    return mul(dy, mul(s, add(mul(x3, sub(1, s)), 1)));
  });
}
function tanh(x2) {
  return unary("TANH", x2, (dy, _x, y) => mul(dy, sub(1, square(y))));
}
function sigmoid(x2) {
  return unary("SIGMOID", x2, (dy, _x, y) => mul(dy, mul(y, sub(1, y))));
}
function square(x2) {
  return unary("SQUARE", x2, (dy, x3) => mul(dy, mul(x3, 2)));
}
function sqrt(x2) {
  return unary("SQRT", x2, (dy, _x, y) => div(mul(dy, 0.5), y));
}
function exp(x2) {
  return unary("EXP", x2, (dy, _x, y) => mul(dy, y));
}
function log(x2) {
  return unary("LOG", x2, (dy, x3) => div(dy, x3));
}
function erf(x2) {
  return unary("ERF", x2, (dy, x3) => mul(dy, mul(exp(neg(square(x3))), 2 / Math.sqrt(Math.PI))));
}
function clamp(x2, { min = -34028234663852886e22, max = 34028234663852886e22 }) {
  const inside2 = (x3) => mul(cast(greaterEqual(x3, min), x3.dtype), cast(lessEqual(x3, max), x3.dtype));
  return unary("CLAMP", x2, (dy, x3) => mul(dy, inside2(x3)), { a: min, b: max });
}
function neg(x2) {
  return unary("NEG", x2, (dy) => neg(dy));
}

// src/ops/reduce.ts
var kernel7 = kernelFile("reduce", reduce_default2);
var CHUNK = 1024;
function sum(x2, options = {}) {
  return scaledSum("sum", x2, 1, options);
}
function mean(x2, options = {}) {
  return scaledSum("mean", x2, 1 / count("mean", x2, options), options);
}
function sumTo(x2, shape) {
  const axis = stretchedAxes(shape, x2.shape);
  return axis.length === 0 ? x2 : reshape(sum(x2, { axis }), shape);
}
function scaledSum(name, x2, scale, options) {
  expectDType(name, "x", x2, "f32", "f16");
  const axes = resolveAxes(name, options.axis, x2.rank);
  const kept2 = x2.shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  const shape = keptShape(name, x2, options);
  const output = reduceAxes(x2, axes, shape, scale);
  return record({
    name,
    inputs: [x2],
    output,
    saved: [],
    backward: (dy) => {
      const scaled = scale === 1 ? dy : mul(dy, scale);
      return [expand(reshape(scaled, kept2), x2.shape)];
    }
  });
}
function reduceAxes(x2, axes, shape, scale) {
  const length = sizeOf(axes.map((axis) => x2.shape[axis]));
  if (x2.size === 0) return full(x2.runtime, shape, 0, x2.dtype);
  const adjacent = axes.every((axis, i) => i === 0 || axis === axes[i - 1] + 1);
  const last = axes.at(-1) ?? x2.rank - 1;
  const inner = adjacent ? sizeOf(x2.shape.slice(last + 1)) : 1;
  const others = x2.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return untaped(() => {
    const together = adjacent ? x2 : permute(x2, [...others, ...axes]);
    return reduceMiddle(
      together,
      { outer: x2.size / (length * inner), length, inner },
      shape,
      scale
    );
  });
}
function reduceMiddle(x2, { outer, length, inner }, shape, scale) {
  const chunks = Math.ceil(length / CHUNK);
  const whole = chunks === 1;
  const outputs = outer * chunks * inner;
  const partialType = whole ? x2.dtype : "f32";
  const y = whole ? allocate(x2.runtime, shape, x2.dtype) : allocate(x2.runtime, [outer, chunks, inner], partialType);
  launch(kernel7, inner === 1 ? "rows" : "columns", {
    inputs: [x2],
    outputs: [y],
    params: { outputs, length, inner, chunks, chunkLength: CHUNK, scale: whole ? scale : 1 },
    constants: { Element: x2.dtype, Result: partialType, LANES: lanesFor(x2.runtime) },
    workgroups: inner === 1 ? outputs : groupsFor(outputs),
    flops: x2.size
  });
  if (whole) return y;
  const total = reduceMiddle(y, { outer, length: chunks, inner }, shape, scale);
  y.dispose();
  return total;
}
function keptShape(name, x2, { axis, keepDims = false }) {
  const axes = resolveAxes(name, axis, x2.rank);
  if (keepDims) return x2.shape.map((size, i) => axes.includes(i) ? 1 : size);
  return x2.shape.filter((_, i) => !axes.includes(i));
}
function count(name, x2, { axis }) {
  const length = sizeOf(resolveAxes(name, axis, x2.rank).map((i) => x2.shape[i]));
  if (length === 0) throw new ShapeError(`${name}: nothing to reduce in shape ${format(x2.shape)}`);
  return length;
}

// kernels/select.wgsl
var select_default = "// Elementwise choice: y[i\u2026] = condition[i\u2026] != 0 ? a[i\u2026] : b[i\u2026]; strides of 0 repeat an element.\n// A thread owns elements of y, which may be vectors of four.\n\nalias Element = f32;   // of a, b and y; or vec4<f32>, and so on\nalias Flag = u32;      // of the condition\nconst RANK: u32 = 8;   // axes; known when compiling, so that the walk over them unrolls\n\nstruct Params {\n  size: u32,               // elements of y\n  conditionStart: u32,     // in elements, as the strides\n  aStart: u32,\n  bStart: u32,\n  shape: array<vec4u, 2>,\n  conditionStrides: array<vec4u, 2>,\n  aStrides: array<vec4u, 2>,\n  bStrides: array<vec4u, 2>,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> condition: array<Flag>;\n@group(0) @binding(1) var<storage, read> a: array<Element>;\n@group(0) @binding(2) var<storage, read> b: array<Element>;\n@group(0) @binding(3) var<storage, read_write> y: array<Element>;\n\n/// Where element i of y finds its operands: in the condition, a and b.\nfn operands(i: u32) -> vec3u {\n  var rest = i;\n  var found = vec3u(params.conditionStart, params.aStart, params.bStart);\n  for (var axis = RANK - 1u; axis > 0u; axis--) {\n    let size = params.shape[axis / 4u][axis % 4u];\n    let at = rest % size;\n    rest /= size;\n    found += at * vec3u(\n      params.conditionStrides[axis / 4u][axis % 4u],\n      params.aStrides[axis / 4u][axis % 4u],\n      params.bStrides[axis / 4u][axis % 4u],\n    );\n  }\n  return found + rest * vec3u(params.conditionStrides[0][0], params.aStrides[0][0], params.bStrides[0][0]);\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let at = operands(i);\n    y[i] = select(b[at.z], a[at.y], condition[at.x] != Flag(0));\n  }\n}\n";

// src/ops/select.ts
init_errors();
var kernel8 = kernelFile("select", select_default);
function where(condition, a, b) {
  expectDType("where", "condition", condition, "u32", "i32");
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "f32";
  const [ta, tb] = [a, b].map(
    (x2) => x2 instanceof Tensor ? x2 : full(condition.runtime, [], x2, dtype)
  );
  if (ta.dtype !== tb.dtype)
    throw new DTypeError(`where: a is ${ta.dtype} and b is ${tb.dtype}; cast() one of them`);
  const output = choose(condition, ta, tb);
  return record({
    name: "where",
    inputs: [ta, tb],
    output,
    saved: [condition],
    backward: (dy, [condition2]) => [
      sumTo(where(condition2, dy, 0), ta.shape),
      sumTo(where(condition2, 0, dy), tb.shape)
    ]
  });
}
function choose(condition, a, b) {
  const shape = broadcastShapes(
    "where",
    condition.shape,
    broadcastShapes("where", a.shape, b.shape)
  );
  const y = allocate(a.runtime, shape, a.dtype);
  const { width, size, rank, starts, strides, ...axes } = walkOf(
    shape,
    [condition, a, b].map((x2) => strided(x2, shape))
  );
  const { workgroups, constants: constants3 } = spansOf(y.runtime, size, width);
  launch(kernel8, "forward", {
    inputs: [condition, a, b],
    outputs: [y],
    params: {
      size,
      conditionStart: starts[0],
      aStart: starts[1],
      bStart: starts[2],
      shape: axes.shape,
      conditionStrides: strides[0],
      aStrides: strides[1],
      bStrides: strides[2]
    },
    constants: {
      ...constants3,
      Element: vectorOf(a.dtype, width),
      Flag: vectorOf(condition.dtype, width),
      RANK: rank
    },
    workgroups,
    strided: true
  });
  return y;
}

// src/ops/binary.ts
var kernel9 = kernelFile("binary", binary_default);
function add(a, b) {
  return arithmetic(
    "ADD",
    a,
    b,
    (dy) => dy,
    (dy) => dy
  );
}
function sub(a, b) {
  return arithmetic(
    "SUB",
    a,
    b,
    (dy) => dy,
    (dy) => mul(dy, -1)
  );
}
function mul(a, b) {
  return arithmetic(
    "MUL",
    a,
    b,
    (dy, _a, b2) => mul(dy, b2),
    (dy, a2) => mul(dy, a2)
  );
}
function div(a, b) {
  return arithmetic(
    "DIV",
    a,
    b,
    (dy, _a, b2) => div(dy, b2),
    (dy, a2, b2) => mul(div(div(mul(dy, a2), b2), b2), -1)
  );
}
function pow(a, b) {
  const below = (b2) => typeof b2 === "number" ? b2 === 0 ? 1 : b2 - 1 : where(equal(b2, 0), 1, sub(b2, 1));
  const logarithm = (a2) => typeof a2 === "number" ? a2 === 0 ? 0 : Math.log(a2) : log(where(equal(a2, 0), 1, a2));
  return arithmetic(
    "POW",
    a,
    b,
    (dy, a2, b2) => mul(dy, mul(pow(a2, below(b2)), b2)),
    (dy, a2, b2) => mul(dy, mul(pow(a2, b2), logarithm(a2)))
  );
}
function maximum(a, b) {
  return arithmetic(
    "MAXIMUM",
    a,
    b,
    (dy, a2, b2) => keep(dy, greaterEqual(a2, b2)),
    (dy, a2, b2) => keep(dy, less(a2, b2))
  );
}
function minimum(a, b) {
  return arithmetic(
    "MINIMUM",
    a,
    b,
    (dy, a2, b2) => keep(dy, lessEqual(a2, b2)),
    (dy, a2, b2) => keep(dy, greater(a2, b2))
  );
}
var equal = (a, b) => elementwise("EQUAL", a, b, "u32");
var notEqual = (a, b) => elementwise("NOT_EQUAL", a, b, "u32");
var less = (a, b) => elementwise("LESS", a, b, "u32");
var lessEqual = (a, b) => elementwise("LESS_EQUAL", a, b, "u32");
var greater = (a, b) => elementwise("GREATER", a, b, "u32");
var greaterEqual = (a, b) => elementwise("GREATER_EQUAL", a, b, "u32");
function addInPlace(x2, y) {
  inRanges([x2, y], ([x3, y2]) => launchTensors("ADD", x3, y2, x3));
}
function inRanges(tensors, fn) {
  const alike = tensors.every(
    (x2) => x2.isDense && BYTES[x2.dtype] === 4 && sameShape(x2.shape, tensors[0].shape)
  );
  if (alike) eachRange(tensors, fn);
  else fn(tensors);
}
function arithmetic(op, a, b, da, db) {
  const output = elementwise(op, a, b);
  const operands = [a, b].filter((x2) => x2 instanceof Tensor);
  const derivatives2 = [da, db].filter((_, i) => [a, b][i] instanceof Tensor);
  const linear2 = op === "ADD" || op === "SUB";
  const shapes = operands.map((x2) => x2.shape);
  const wanted = operands.map((x2) => x2.edge !== null);
  const backward2 = (dy, saved) => {
    const [first, second] = linear2 ? [0, 0] : restore(a, b, saved);
    return derivatives2.map(
      (d, i) => wanted[i] ? sumTo(d(dy, first, second), shapes[i]) : null
    );
  };
  return record({
    name: nameOf(op),
    inputs: operands,
    output,
    saved: linear2 ? [] : operands,
    backward: backward2
  });
}
function restore(a, b, saved) {
  if (typeof a === "number") return [a, saved[0]];
  return [saved[0], typeof b === "number" ? b : saved[1]];
}
var nameOf = (op) => op.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase());
var keep = (dy, flags) => mul(dy, cast(flags, dy.dtype));
function elementwise(op, a, b, result2) {
  const name = nameOf(op);
  if (a instanceof Tensor && b instanceof Tensor) {
    if (a.dtype !== b.dtype) {
      throw new DTypeError(`${name}: a is ${a.dtype} and b is ${b.dtype}; cast() one of them`);
    }
    const y = allocate(a.runtime, broadcastShapes(name, a.shape, b.shape), result2 ?? a.dtype);
    inRanges([a, b, y], ([a2, b2, y2]) => launchTensors(op, a2, b2, y2));
    return y;
  }
  if (a instanceof Tensor) return withNumber(op, a, b, false, result2 ?? a.dtype);
  if (b instanceof Tensor) return withNumber(op, b, a, true, result2 ?? b.dtype);
  throw new DTypeError(`${name}: needs a tensor, got two numbers`);
}
function launchTensors(op, a, b, y) {
  const { width, size, shape, rank, strides, starts } = walkOf(
    y.shape,
    [a, b].map((x2) => strided(x2, y.shape))
  );
  const spans = spansOf(y.runtime, size, width);
  const inPlace = y.storage === a.storage;
  launch(kernel9, inPlace ? "in_place" : "tensors", {
    inputs: inPlace ? [b] : [a, b],
    outputs: [y],
    params: {
      size,
      aStart: starts[0],
      bStart: starts[1],
      shape,
      aStrides: strides[0],
      bStrides: strides[1],
      value: 0
    },
    constants: {
      ...spans.constants,
      ...typesOf(a.dtype, y.dtype, width),
      OP: op,
      RANK: rank,
      ADJACENT: String(width === 4)
    },
    workgroups: spans.workgroups,
    strided: true
  });
}
var typesOf = (element, result2, width) => ({
  Element: vectorOf(element, width),
  Result: vectorOf(result2, width),
  Real: vectorOf("f32", width),
  Value: element
});
function withNumber(op, x2, value, swapped, result2) {
  const y = allocate(x2.runtime, x2.shape, result2);
  const none = [0];
  const width = widthFor(x2.size);
  const size = x2.size / width;
  const { workgroups, constants: constants3 } = spansOf(x2.runtime, size, width);
  launch(kernel9, "scalar", {
    inputs: [x2],
    outputs: [y],
    params: {
      size,
      aStart: 0,
      bStart: 0,
      shape: none,
      aStrides: none,
      bStrides: none,
      value: scalarBits(nameOf(op), value, x2.dtype)
    },
    constants: {
      ...constants3,
      ...typesOf(x2.dtype, result2, width),
      OP: op,
      Carrier: CARRIER[x2.dtype],
      SWAPPED: swapped ? "true" : "false"
    },
    workgroups
  });
  return y;
}

// src/ops/capture.ts
init_errors();
function captureStep(runtime, fn) {
  let result2;
  const capture = runtime.gpu.capture(() => {
    result2 = scope(() => synchronous(runtime, fn()));
  });
  let disposed = false;
  const step = () => {
    if (disposed) throw new CaptureError("a captured step was called after its dispose()");
    capture.replay();
    return result2;
  };
  const dispose = () => {
    disposed = true;
    capture.dispose();
  };
  return Object.assign(step, { result: result2, dispose, [Symbol.dispose]: dispose });
}
function synchronous(runtime, result2) {
  if (result2 instanceof Promise) {
    result2.catch(() => {
    });
    runtime.gpu.notInCapture("it is asynchronous; await before the step or after it");
  }
  return result2;
}

// src/ops/custom.ts
init_errors();
async function userKernel(runtime, name, wgsl) {
  const file = readKernel(name, wgsl);
  await runtime.gpu.check({ file, entry: file.entries[0] });
  return {
    run(entry, { inputs, outputs, ...options }) {
      if (outputs.length === 0)
        throw new KernelError(`${name}.${entry}: needs at least one output`);
      const tensors = outputs.map(
        (y) => y instanceof Tensor ? y : allocate(runtime, y.shape, y.dtype ?? "f32")
      );
      launch(file, entry, { inputs, outputs: tensors, ...options });
      return tensors;
    }
  };
}

// kernels/random.wgsl
var random_default2 = "// Random tensors by Philox 4x32-10 (Salmon et al. 2011), one thread per element.\n//   uniforms  y[i] from [0, 1)\n//   normals   y[i] from N(0, 1)\n//   dropout   y[i] = x[i] / (1 - p) with probability 1 - p, else 0; the mask follows from (state, stream, i)\n\nstruct Params {\n  size: u32,\n  stream: u32,\n  step: u32,     // uniform and normal; dropout reads it from the state\n  key: vec2u,\n  p: f32,        // dropout\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read_write> y: array<f32>;           // uniform, normal\n@group(0) @binding(0) var<storage, read> x: array<f32>;                 // dropout\n@group(0) @binding(1) var<storage, read> state: array<u32>;             // (key, key, step, 0)\n@group(0) @binding(2) var<storage, read_write> dropped: array<f32>;\n\n@compute @workgroup_size(64)\nfn uniforms(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  y[i] = uniform_from_bits(random_bits(i, params.stream, params.step, params.key));\n}\n\n@compute @workgroup_size(64)\nfn normals(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  y[i] = random_normal(i, params.stream, params.step, params.key);\n}\n\n@compute @workgroup_size(64)\nfn dropout(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.size) { return; }\n  let u = uniform_from_bits(random_bits(i, params.stream, state[2], vec2u(state[0], state[1])));\n  dropped[i] = select(x[i] / (1f - params.p), 0f, u < params.p);\n}\n";

// src/ops/random.ts
init_errors();
var kernel10 = kernelFile("random", random_default2);
var states = /* @__PURE__ */ new WeakMap();
function randomState(runtime) {
  const existing = states.get(runtime);
  if (existing) return existing;
  const tensor = runtime.gpu.uncaptured(() => {
    const made = allocate(runtime, [4], "u32");
    made.write([...keyOf(0), 0, 0]);
    return made;
  });
  tensor.kept = true;
  let stream = 0;
  const state = {
    tensor,
    nextStream: () => stream++,
    get stream() {
      return stream;
    },
    rewound(from, fn) {
      const here = stream;
      stream = from;
      try {
        return fn();
      } finally {
        stream = here;
      }
    },
    begin(seed, step) {
      stream = 0;
      tensor.write([...keyOf(seed), step, 0]);
    }
  };
  states.set(runtime, state);
  return state;
}
function dropout(x2, { p }) {
  expectDType("dropout", "x", x2, "f32");
  if (!(p >= 0 && p < 1))
    throw new ConfigError(`dropout: p is a probability from 0 up to but without 1, got ${p}`);
  if (p === 0) return x2;
  const state = randomState(x2.runtime);
  return masked(x2, state.tensor, p, state.nextStream());
}
function masked(x2, state, p, stream) {
  const output = allocate(x2.runtime, x2.shape, "f32");
  const params = { size: x2.size, stream, step: 0, key: [0, 0], p };
  launch(kernel10, "dropout", {
    inputs: [x2, state],
    outputs: [output],
    params,
    workgroups: groupsFor(x2.size)
  });
  return record({
    name: "dropout",
    inputs: [x2],
    output,
    saved: [state],
    backward: (dy, [state2]) => [masked(dy, state2, p, stream)]
  });
}

// src/ops/device.ts
var announced2 = /* @__PURE__ */ new Set();
var Device = class _Device {
  constructor(gpu) {
    this.gpu = gpu;
  }
  gpu;
  tensorCount = 0;
  /** Streams that `rand` and `randn` took without a seed. */
  streams = 0;
  /**
   * Opens a GPU: `navigator.gpu` in a browser, Dawn in Node.
   * `adapter`: 'auto' takes a real GPU or else a software adapter, 'hardware' and 'software' insist,
   * and any other text selects by a part of the adapter's name.
   * @throws DeviceError when there is none; the message says what to install.
   */
  static async open({ announce, ...options } = {}) {
    const gpu = await Context.open(options);
    const { notice } = gpu.adapter;
    if (notice && announce === void 0 && !announced2.has(notice)) {
      announced2.add(notice);
      console.warn(notice);
    } else if (notice) announce?.(notice);
    return new _Device(gpu);
  }
  get adapter() {
    return this.gpu.adapter;
  }
  get features() {
    return this.gpu.features;
  }
  get limits() {
    return this.gpu.limits;
  }
  /** A tensor of the given values. The shape is that of the nesting unless given; dtype f32 unless the array tells. */
  tensor(values, { shape, dtype } = {}) {
    const { flat, nested } = flatten(values);
    const type = dtype ?? typeOf(values);
    const target2 = shape ?? nested;
    if (sizeOf(target2) !== flat.length) {
      throw new ShapeError(`tensor: ${flat.length} values do not fill the shape ${format(target2)}`);
    }
    const x2 = allocate(this, target2, type);
    if (x2.size > 0) this.gpu.write(x2.storage.block, 0, encode(flat, type));
    return x2;
  }
  zeros(shape, { dtype = "f32" } = {}) {
    return this.full(shape, 0, { dtype });
  }
  ones(shape, { dtype = "f32" } = {}) {
    return this.full(shape, 1, { dtype });
  }
  full(shape, value, { dtype = "f32" } = {}) {
    return full(this, shape, value, dtype);
  }
  /** 0, 1, … size - 1. */
  arange(size, { dtype = "i32" } = {}) {
    return this.tensor(
      Float64Array.from({ length: size }, (_, i) => i),
      { dtype }
    );
  }
  /**
   * Standard normals, made in float64 on the CPU: the same on every adapter. With a seed they follow from seed, stream
   * and step; without one, each call of a device takes the next stream of seed 0.
   */
  randn(shape, options = {}) {
    const values = new Float32Array(sizeOf(shape));
    fillNormal(values, this.draw(options));
    return this.tensor(values, { shape });
  }
  /** Uniforms from [0, 1), as `randn` otherwise. */
  rand(shape, options = {}) {
    const values = new Float32Array(sizeOf(shape));
    fillUniform(values, this.draw(options));
    return this.tensor(values, { shape });
  }
  /** Begins a training step: the random ops (dropout) that follow depend on seed and step alone. */
  beginStep(seed, step) {
    randomState(this).begin(seed, step);
  }
  /** Runs a synchronous function and frees what it made, except what it returns, parameters, and gradients. */
  scope(fn) {
    return scope(fn);
  }
  /**
   * Runs a synchronous function as `scope` does, and keeps what it did, to do it again at the cost of encoding alone:
   *
   *   const step = device.capture(() => { backward(loss(model, ids)); optimizer.apply({ zeroGrad: true }); });
   *   for (…) { ids.write(batch); optimizer.advance(); step(); }
   *
   * What changes between steps is written to tensors before each: inputs, `optimizer.advance()`, `device.beginStep()`.
   * Without the latter dropout repeats its masks.
   * @throws CaptureError when the function cannot be replayed: it writes values or reads back, or is asynchronous.
   */
  capture(fn) {
    return captureStep(this, fn);
  }
  /** Hands over the recorded work without waiting for it. */
  submit() {
    this.gpu.submit();
  }
  /** Resolves when all work so far is done; rejects with the first GPU error since the last awaited call. */
  sync() {
    return this.gpu.sync();
  }
  memory() {
    return { ...this.gpu.memory, tensors: this.tensorCount };
  }
  /** GPU time of what `fn` runs, per kernel; wall time alone where the adapter has no timestamp queries. */
  time(fn) {
    return this.gpu.time(fn);
  }
  /** Compiles, in parallel, every kernel that `fn` would launch; nothing is computed. */
  warmup(fn) {
    return this.gpu.warmup(() => scope(fn));
  }
  /** A kernel of your own: plain WGSL by the rules of `kernels/`. @throws KernelError with line and caret. */
  kernel(wgsl, { name = "kernel" } = {}) {
    return userKernel(this, name, wgsl);
  }
  /** Gives the GPU back; every later call fails with `DeviceLostError`. */
  destroy() {
    this.gpu.destroy();
  }
  draw({ seed, stream, step = 0 }) {
    return { seed: seed ?? 0, stream: stream ?? (seed === void 0 ? this.streams++ : 0), step };
  }
  // What the tensor layer asks for (Runtime).
  dense(x2) {
    return x2.isDense ? x2 : denseCopy(x2);
  }
  copy(x2) {
    return denseCopy(x2);
  }
  add(a, b) {
    return add(a, b);
  }
  addInPlace(target2, x2) {
    addInPlace(target2, x2);
  }
};
function typeOf(values) {
  if (values instanceof Int32Array) return "i32";
  if (values instanceof Uint32Array) return "u32";
  return "f32";
}
function flatten(values) {
  if (typeof values === "number") return { flat: [values], nested: [] };
  if (!Array.isArray(values)) return { flat: values, nested: [values.length] };
  if (values.length === 0) return { flat: [], nested: [0] };
  if (values.every((value) => typeof value === "number"))
    return { flat: values, nested: [values.length] };
  const parts = values.map((value) => {
    if (value === null || typeof value !== "number" && typeof value !== "object") {
      throw new DataError(`tensor: expected numbers, got ${String(value)}`);
    }
    return flatten(value);
  });
  const inner = parts[0].nested;
  const ragged = parts.find((part) => format(part.nested) !== format(inner));
  if (ragged)
    throw new ShapeError(
      `tensor: the lists are ragged: ${format(inner)} beside ${format(ragged.nested)}`
    );
  return { flat: parts.flatMap((part) => Array.from(part.flat)), nested: [parts.length, ...inner] };
}

// src/nn/initialiser.ts
var Initialiser = class {
  constructor(device2, seed = 0) {
    this.device = device2;
    this.seed = seed;
  }
  device;
  seed;
  stream = 0;
  /** N(0, std²). */
  normal(shape, std) {
    const values = new Float64Array(sizeOf(shape));
    fillNormal(values, { seed: this.seed, stream: this.stream++ });
    return this.parameter(
      values.map((z) => std * z),
      shape
    );
  }
  /** Uniform in [-bound, bound). */
  uniform(shape, bound) {
    const values = new Float64Array(sizeOf(shape));
    fillUniform(values, { seed: this.seed, stream: this.stream++ });
    return this.parameter(
      values.map((u) => bound * (2 * u - 1)),
      shape
    );
  }
  constant(shape, value) {
    return this.parameter(new Float64Array(sizeOf(shape)).fill(value), shape);
  }
  parameter(values, shape) {
    return this.device.tensor(values, { shape }).requireGrad();
  }
};
var WideInitialiser = class extends Initialiser {
  constructor(device2, seed, scale) {
    super(device2, seed);
    this.scale = scale;
  }
  scale;
  normal(shape, std) {
    return super.normal(shape, this.scale * std);
  }
};

// src/text/chat_template.ts
init_errors();
var NAMES = {
  system: "System",
  user: "User",
  assistant: "Assistant",
  tool: "Tool"
};
var TEMPLATES = {
  /** One message a line, without names: the little that a model of few characters needs. */
  lines: { begin: "", open: () => "", end: "\n", between: "" },
  /** Plain text with names. */
  dialogue: { begin: "", open: (role) => `${NAMES[role]}: `, end: "\n", between: "" },
  /** Documents one after another, as GPT-2 read them. */
  document: { begin: "", open: () => "", end: "<|endoftext|>", between: "" },
  /** Qwen, SmolLM and many others. */
  chatml: {
    begin: "",
    open: (role) => `<|im_start|>${role}
`,
    end: "<|im_end|>",
    between: "\n"
  },
  llama3: {
    begin: "<|begin_of_text|>",
    open: (role) => `<|start_header_id|>${role === "tool" ? "ipython" : role}<|end_header_id|>

`,
    end: "<|eot_id|>",
    between: ""
  }
};
var CHAT_TEMPLATES = Object.keys(TEMPLATES);
function templateNamed(name) {
  if (Object.hasOwn(TEMPLATES, name)) return TEMPLATES[name];
  throw new ConfigError(`no chat template "${name}"; there are ${CHAT_TEMPLATES.join(", ")}`);
}
var mark = (text, counted = false) => ({ text, counted, mark: true });
var data = (text, counted = false) => ({ text, counted, mark: false });
function completionSegments({ prompt, completion }, template) {
  return [data(prompt), data(completion, true), mark(templateNamed(template).end, true)];
}
function endMark(template) {
  return templateNamed(template).end;
}

// src/nn/linear.ts
init_errors();

// src/ops/linear.ts
init_errors();

// src/ops/matmul.ts
init_errors();

// kernels/matmul.wgsl
var matmul_default = "// Batched matrix product: y[b, m, n] = f(\u03A3_k a[b, m, k] b[b, k, n] + bias[n]) + residual, all operands by strides, so\n// that a transpose is a view and a batch stride of 0 broadcasts. f16 operands are summed in f32.\n//\n// A workgroup owns a tile of y and walks along k: its 256 threads bring TILE_K columns of `a` and rows of `b` into\n// workgroup memory, and each multiplies its 4 x 4 blocks from there. Adjacent threads read along the axis of an operand\n// whose elements are adjacent (A_ALONG_K, B_ALONG_K), so that transposes need no copies and reads coalesce. After\n// Volkov & Demmel 2008 and CUTLASS's SIMT kernels.\n\nalias Element = f32;\nalias Result = f32;       // y's; f32 for the parts of a split product\n\nconst BIAS: bool = false;\nconst RESIDUAL: bool = false;\nconst ACCUMULATE: bool = false;\nconst ACTIVATION: u32 = ACTIVATION_NONE;\n\nconst BLOCKS_M: u32 = 1;          // 4 x 4 blocks of a thread along m: 1 or 2\nconst BLOCKS_N: u32 = 1;          // and along n\nconst TILE_K: u32 = 16;\nconst A_ALONG_K: bool = true;     // along which axis adjacent threads read `a`; false: along m\nconst B_ALONG_K: bool = false;    // and `b`; false: along n\nconst UNROLLED: bool = false;     // a fixed number of steps per tile: what GPUs' compilers want, and CPUs' choke on\n\nconst SIDE = 16u;                 // threads along each side of the tile\nconst THREADS = SIDE * SIDE;\nconst QUADS_M = SIDE * BLOCKS_M;  // groups of four rows in the tile\nconst QUADS_N = SIDE * BLOCKS_N;  // groups of four columns\nconst STRIDE_A = QUADS_M + 1u;    // padded against bank conflicts\nconst STRIDE_B = QUADS_N + 1u;\n\nstruct Params {\n  M: u32, N: u32, K: u32,\n  tilesM: u32, tilesN: u32,\n  batches: u32,\n  biasStart: u32,\n  yStride: u32,            // along m; along n it is 1\n  starts: vec4u,           // of a, b, y, residual; in elements, as the strides\n  aStrides: vec2u,         // along m, k\n  bStrides: vec2u,         // along k, n\n  batchShape: vec4u,\n  aBatch: vec4u,\n  bBatch: vec4u,\n  yBatch: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> a: array<Element>;\n@group(0) @binding(1) var<storage, read> b: array<Element>;\n@group(0) @binding(2) var<storage, read> bias: array<Element>;\n@group(0) @binding(3) var<storage, read> residual: array<Element>;    // laid out as y\n@group(0) @binding(4) var<storage, read_write> y: array<Result>;\n\nvar<workgroup> tileA: array<vec4f, TILE_K * STRIDE_A>;   // [k][quad of rows]\nvar<workgroup> tileB: array<vec4f, TILE_K * STRIDE_B>;   // [k][quad of columns]\n\n/// A workgroup's place: its first row and column, and where its matrices start.\nstruct Place { row: u32, column: u32, starts: vec3u, exists: bool }\n\nfn place_of(index: u32) -> Place {\n  let tiles = params.tilesM * params.tilesN;\n  let row = index % tiles / params.tilesN * 4u * QUADS_M;\n  let column = index % params.tilesN * 4u * QUADS_N;\n  let batch = index / tiles;\n  let starts = batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);\n  return Place(row, column, params.starts.xyz + starts, batch < params.batches);\n}\n\n@compute @workgroup_size(THREADS)\nfn tiles(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let place = place_of(group.x + group.y * groups.x);\n  if (!place.exists) { return; }\n  let across = lane % SIDE;\n  let down = lane / SIDE;\n  var s00 = mat4x4f(); var s01 = mat4x4f(); var s10 = mat4x4f(); var s11 = mat4x4f();\n  for (var k0 = 0u; k0 < params.K; k0 += TILE_K) {\n    load(place, k0, lane);\n    workgroupBarrier();\n    var steps = min(TILE_K, params.K - k0);\n    if (UNROLLED) { steps = TILE_K; }\n    for (var k = 0u; k < steps; k++) {\n      let a0 = tileA[k * STRIDE_A + down];\n      let b0 = tileB[k * STRIDE_B + across];\n      s00 = rank_one(s00, a0, b0);\n      if (BLOCKS_N > 1u) {\n        let b1 = tileB[k * STRIDE_B + QUADS_N - SIDE + across];\n        s01 = rank_one(s01, a0, b1);\n      }\n      if (BLOCKS_M > 1u) {\n        let a1 = tileA[k * STRIDE_A + QUADS_M - SIDE + down];\n        s10 = rank_one(s10, a1, b0);\n        if (BLOCKS_N > 1u) {\n          let b1 = tileB[k * STRIDE_B + QUADS_N - SIDE + across];\n          s11 = rank_one(s11, a1, b1);\n        }\n      }\n    }\n    workgroupBarrier();\n  }\n  let row = place.row + 4u * down;\n  let column = place.column + 4u * across;\n  store(place, row, column, s00);\n  if (BLOCKS_N > 1u) { store(place, row, column + 4u * SIDE, s01); }\n  if (BLOCKS_M > 1u) { store(place, row + 4u * SIDE, column, s10); }\n  if (BLOCKS_M > 1u && BLOCKS_N > 1u) { store(place, row + 4u * SIDE, column + 4u * SIDE, s11); }\n}\n\n/// Brings the tiles that start at k0 into workgroup memory, in groups of four rows or columns.\nfn load(place: Place, k0: u32, lane: u32) {\n  for (var i = lane; i < TILE_K * QUADS_M; i += THREADS) {\n    let at = select(vec2u(i % QUADS_M, i / QUADS_M), vec2u(i / TILE_K, i % TILE_K), A_ALONG_K);\n    tileA[at.y * STRIDE_A + at.x] = rows_of_a(place.starts.x, place.row + 4u * at.x, k0 + at.y);\n  }\n  for (var i = lane; i < TILE_K * QUADS_N; i += THREADS) {\n    let at = select(vec2u(i % QUADS_N, i / QUADS_N), vec2u(i / TILE_K, i % TILE_K), B_ALONG_K);\n    tileB[at.y * STRIDE_B + at.x] = columns_of_b(place.starts.y, place.column + 4u * at.x, k0 + at.y);\n  }\n}\n\n/// a[row \u2026 row + 3, k]. Rows past the edge read the last one again and are not stored; columns past it are 0.\nfn rows_of_a(start: u32, row: u32, k: u32) -> vec4f {\n  if (k >= params.K) { return vec4f(); }\n  let rows = min(row + vec4u(0u, 1u, 2u, 3u), vec4u(params.M - 1u));\n  let at = start + rows * params.aStrides.x + k * params.aStrides.y;\n  return vec4f(vec4<Element>(a[at.x], a[at.y], a[at.z], a[at.w]));\n}\n\n/// b[k, column \u2026 column + 3], likewise.\nfn columns_of_b(start: u32, column: u32, k: u32) -> vec4f {\n  if (k >= params.K) { return vec4f(); }\n  let columns = min(column + vec4u(0u, 1u, 2u, 3u), vec4u(params.N - 1u));\n  let at = start + columns * params.bStrides.y + k * params.bStrides.x;\n  return vec4f(vec4<Element>(b[at.x], b[at.y], b[at.z], b[at.w]));\n}\n\n/// Stores a block. Its rows move up, so that there is one place that stores: straight code for all of them takes some\n/// compilers seconds.\nfn store(place: Place, row: u32, column: u32, block: mat4x4f) {\n  var rows = block;\n  for (var m = row; m < min(row + 4u, params.M); m++) {\n    let start = place.starts.z + m * params.yStride;\n    var sum = rows[0];\n    for (var n = column; n < min(column + 4u, params.N); n++) {\n      y[start + n] = finished(start, n, sum.x);\n      sum = sum.yzwx;\n    }\n    rows = moved_up(rows, rows);\n  }\n}\n\n/// The element of a row of y that starts at `start`, given its sum of products.\nfn finished(start: u32, column: u32, sum: f32) -> Result {\n  var z = sum;\n  if (BIAS) { z += f32(bias[params.biasStart + column]); }\n  z = activate(ACTIVATION, z);\n  if (RESIDUAL) { z += f32(residual[params.starts.w + start - params.starts.z + column]); }\n  if (ACCUMULATE) { z += f32(y[start + column]); }\n  return Result(z);\n}\n";

// kernels/matmul_broadcast.wgsl
var matmul_broadcast_default = "// Batched matrix product for adapters that run on a CPU: y[b, m, n] = f(\u03A3_k a[b, m, k] b[b, k, n] + bias[n]) + residual, or y +=,\n// all operands by strides, so that a transpose is a view and a batch stride of 0 broadcasts.\n//\n// A thread owns 16 rows and 8 columns of y, a workgroup 16 rows and 64 columns. On a CPU a thread is one lane of a\n// SIMD register; loads are gathers, lane by lane, and cost ten times a multiplication, also where all lanes load the\n// same. So a load of `a` brings SHARERS rows at once, one in each of as many lanes, and broadcasts in registers hand\n// them to all lanes: with 8 of them 10 gathers for 128 multiplications instead of 24.\n//\n// What bounds on lavapipe, by the compiled loop: instructions, 1370 for a step of 128 multiply-adds at near 5 a cycle.\n// 600 are the two vec4 of b (each lane tests its mask, each element its bounds), 260 those of `a`, 50 broadcasts. The\n// sums lie on the stack; each is loaded, masked and stored again per visit: 640 with one step of k per visit, 450 with\n// two, which is 1.05 to 1.15 times as fast; without loads it would be 3 times. Four steps leave the instruction cache\n// (0.8 of the speed). Measured no better: 24 and 32 rows (0.9 to 1.13 times as fast, and small products waste them),\n// 64 rows, 4 or 16 columns, and operands in textures (a call per load). Loads of b from workgroup memory gain 1.07\n// before the copy to it is paid.\n//   vectorised   columns of b and y adjacent, strides and starts multiples of 4: loads of b and stores are vec4\n//   general      any strides and sizes\n\nenable subgroups;\n\nalias Element = f32;\nalias Result = f32;       // y's; f32 for the parts of a split product\n\nconst BIAS: bool = false;\nconst RESIDUAL: bool = false;\nconst ACCUMULATE: bool = false;\nconst ACTIVATION: u32 = ACTIVATION_NONE;\n\nconst THREADS: u32 = 8;   // of a workgroup, side by side along n\nconst SHARERS: u32 = 4;   // lanes that load `a` for each other: 8, or 4 where a subgroup may be that small\nconst STEPS: u32 = 1;     // of k per visit of the sums, in `vectorised`: 2 where K is even\nconst ROWS = 16u;         // of y per thread\nconst COLUMNS = 8u;       // of y per thread\n\nstruct Params {\n  M: u32, N: u32, K: u32,\n  tilesM: u32, tilesN: u32,\n  batches: u32,\n  biasStart: u32,\n  yStride: u32,            // along m; along n it is 1\n  starts: vec4u,           // of a, b, y, residual; in elements, as the strides\n  aStrides: vec2u,         // along m, k\n  bStrides: vec2u,         // along k, n\n  batchShape: vec4u,\n  aBatch: vec4u,\n  bBatch: vec4u,\n  yBatch: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> a: array<Element>;\n// vectorised\n@group(0) @binding(1) var<storage, read> b4: array<vec4<Element>>;\n@group(0) @binding(2) var<storage, read> bias4: array<vec4<Element>>;\n@group(0) @binding(3) var<storage, read> residual4: array<vec4<Element>>;    // laid out as y\n@group(0) @binding(4) var<storage, read_write> y4: array<vec4<Result>>;\n// general\n@group(0) @binding(1) var<storage, read> b: array<Element>;\n@group(0) @binding(2) var<storage, read> bias: array<Element>;\n@group(0) @binding(3) var<storage, read> residual: array<Element>;\n@group(0) @binding(4) var<storage, read_write> y: array<Result>;\n\n/// A workgroup's place: its first row and column, and where its matrices start.\nstruct Place { row: u32, column: u32, starts: vec3u, exists: bool }\n\nfn place_of(index: u32) -> Place {\n  let tiles = params.tilesM * params.tilesN;\n  // Down the rows first: the columns of b, K x 64, then stay in a core's second-level cache.\n  let row = index % params.tilesM * ROWS;\n  let column = index % tiles / params.tilesM * THREADS * COLUMNS;\n  let batch = index / tiles;\n  let starts = batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);\n  return Place(row, column, params.starts.xyz + starts, batch < params.batches);\n}\n\n/// Where this lane's rows of `a` start: SHARERS i + lane % SHARERS. Rows past the edge read the last one again; they are\n/// not stored.\nfn rows_of(place: Place, lane: u32) -> vec4u {\n  let rows = place.row + lane % SHARERS + SHARERS * vec4u(0u, 1u, 2u, 3u);\n  return place.starts.x + min(rows, vec4u(params.M - 1u)) * params.aStrides.x;\n}\n\n/// This lane's values of a column of `a`, from where its rows have it.\nfn values_of_a(at: vec4u) -> vec4f {\n  if (SHARERS == 8u) { return vec4f(f32(a[at.x]), f32(a[at.y]), 0f, 0f); }\n  return vec4f(vec4<Element>(a[at.x], a[at.y], a[at.z], a[at.w]));\n}\n\n/// Rows 4 i \u2026 4 i + 3 of the column, for every lane, from the lanes' values.\nfn four_rows(values: vec4f, i: u32) -> vec4f {\n  if (SHARERS == 4u) { return low_lanes(values[i]); }\n  if (i % 2u == 0u) { return low_lanes(values[i / 2u]); }\n  return high_lanes(values[i / 2u]);\n}\n\n/// The values of the subgroup's lanes 0 to 3.\nfn low_lanes(x: f32) -> vec4f {\n  return vec4f(\n    subgroupBroadcast(x, 0u), subgroupBroadcast(x, 1u), subgroupBroadcast(x, 2u), subgroupBroadcast(x, 3u),\n  );\n}\n\n/// The values of lanes 4 to 7.\nfn high_lanes(x: f32) -> vec4f {\n  return vec4f(\n    subgroupBroadcast(x, 4u), subgroupBroadcast(x, 5u), subgroupBroadcast(x, 6u), subgroupBroadcast(x, 7u),\n  );\n}\n\n@compute @workgroup_size(THREADS)\nfn vectorised(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n  @builtin(subgroup_invocation_id) subgroupLane: u32,\n) {\n  let place = place_of(group.x + group.y * groups.x);\n  if (!place.exists) { return; }\n  var rows = rows_of(place, subgroupLane);\n  let left = place.column / 4u + lane;\n  let right = left + THREADS;\n  let last = (params.N - 1u) / 4u;\n  var at = place.starts.y / 4u + vec2u(min(left, last), min(right, last));\n  var l0 = mat4x4f(); var l1 = mat4x4f(); var l2 = mat4x4f(); var l3 = mat4x4f();\n  var r0 = mat4x4f(); var r1 = mat4x4f(); var r2 = mat4x4f(); var r3 = mat4x4f();\n  let step = params.bStrides.x / 4u;\n  for (var k = 0u; k < params.K; k += STEPS) {\n    let x = values_of_a(rows);\n    let bl = vec4f(b4[at.x]); let br = vec4f(b4[at.y]);\n    var z = x; var el = bl; var er = br;\n    if (STEPS == 2u) {\n      z = values_of_a(rows + params.aStrides.y);\n      el = vec4f(b4[at.x + step]); er = vec4f(b4[at.y + step]);\n    }\n    let c0 = four_rows(x, 0u); let d0 = four_rows(z, 0u);\n    l0 = add_steps(l0, c0, bl, d0, el); r0 = add_steps(r0, c0, br, d0, er);\n    let c1 = four_rows(x, 1u); let d1 = four_rows(z, 1u);\n    l1 = add_steps(l1, c1, bl, d1, el); r1 = add_steps(r1, c1, br, d1, er);\n    let c2 = four_rows(x, 2u); let d2 = four_rows(z, 2u);\n    l2 = add_steps(l2, c2, bl, d2, el); r2 = add_steps(r2, c2, br, d2, er);\n    let c3 = four_rows(x, 3u); let d3 = four_rows(z, 3u);\n    l3 = add_steps(l3, c3, bl, d3, el); r3 = add_steps(r3, c3, br, d3, er);\n    at += STEPS * step;\n    rows += STEPS * params.aStrides.y;\n  }\n  if (left <= last) { store_fours(place, left, l0, l1, l2, l3); }\n  if (right <= last) { store_fours(place, right, r0, r1, r2, r3); }\n}\n\n/// tile + column row\u1D40, and with two steps + nextColumn nextRow\u1D40.\nfn add_steps(tile: mat4x4f, column: vec4f, row: vec4f, nextColumn: vec4f, nextRow: vec4f) -> mat4x4f {\n  if (STEPS == 1u) { return rank_one(tile, column, row); }\n  return mat4x4f(\n    fma(nextColumn.xxxx, nextRow, fma(column.xxxx, row, tile[0])),\n    fma(nextColumn.yyyy, nextRow, fma(column.yyyy, row, tile[1])),\n    fma(nextColumn.zzzz, nextRow, fma(column.zzzz, row, tile[2])),\n    fma(nextColumn.wwww, nextRow, fma(column.wwww, row, tile[3])),\n  );\n}\n\n/// Stores 16 rows of four columns; `column` counts fours, as `at` does. The rows move up, so that there is one place\n/// that stores: straight code for all of them takes the adapters' compilers seconds.\nfn store_fours(place: Place, column: u32, s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f) {\n  var block = s0; var m1 = s1; var m2 = s2;\n  var at = (place.starts.z + place.row * params.yStride) / 4u + column;\n  for (var row = place.row; row < min(place.row + ROWS, params.M); row += 4u) {\n    for (var i = 0u; i < 4u; i++) {\n      if (row + i < params.M) { y4[at] = four_finished(at, column, block[0]); }\n      block = moved_up(block, block);\n      at += params.yStride / 4u;\n    }\n    block = m1; m1 = m2; m2 = s3;\n  }\n}\n\n/// Four elements of y, given their sums of products.\nfn four_finished(at: u32, column: u32, sums: vec4f) -> vec4<Result> {\n  var z = sums;\n  if (BIAS) { z += vec4f(bias4[params.biasStart / 4u + column]); }\n  z = vec4f(\n    activate(ACTIVATION, z.x), activate(ACTIVATION, z.y), activate(ACTIVATION, z.z), activate(ACTIVATION, z.w),\n  );\n  if (RESIDUAL) { z += vec4f(residual4[params.starts.w / 4u + at - params.starts.z / 4u]); }\n  if (ACCUMULATE) { z += vec4f(y4[at]); }\n  return vec4<Result>(z);\n}\n\n@compute @workgroup_size(THREADS)\nfn general(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n  @builtin(subgroup_invocation_id) subgroupLane: u32,\n) {\n  let place = place_of(group.x + group.y * groups.x);\n  if (!place.exists) { return; }\n  var rows = rows_of(place, subgroupLane);\n  // Columns of a thread lie THREADS apart, so that neighbours read neighbouring memory.\n  let left = place.column + lane + THREADS * vec4u(0u, 1u, 2u, 3u);\n  let right = left + THREADS * 4u;\n  var atLeft = place.starts.y + min(left, vec4u(params.N - 1u)) * params.bStrides.y;\n  var atRight = place.starts.y + min(right, vec4u(params.N - 1u)) * params.bStrides.y;\n  var l0 = mat4x4f(); var l1 = mat4x4f(); var l2 = mat4x4f(); var l3 = mat4x4f();\n  var r0 = mat4x4f(); var r1 = mat4x4f(); var r2 = mat4x4f(); var r3 = mat4x4f();\n  for (var k = 0u; k < params.K; k++) {\n    let bl = vec4f(vec4<Element>(b[atLeft.x], b[atLeft.y], b[atLeft.z], b[atLeft.w]));\n    let br = vec4f(vec4<Element>(b[atRight.x], b[atRight.y], b[atRight.z], b[atRight.w]));\n    let x = values_of_a(rows);\n    l0 = rank_one(l0, four_rows(x, 0u), bl); r0 = rank_one(r0, four_rows(x, 0u), br);\n    l1 = rank_one(l1, four_rows(x, 1u), bl); r1 = rank_one(r1, four_rows(x, 1u), br);\n    l2 = rank_one(l2, four_rows(x, 2u), bl); r2 = rank_one(r2, four_rows(x, 2u), br);\n    l3 = rank_one(l3, four_rows(x, 3u), bl); r3 = rank_one(r3, four_rows(x, 3u), br);\n    atLeft += params.bStrides.x; atRight += params.bStrides.x;\n    rows += params.aStrides.y;\n  }\n  store(place, left, l0, l1, l2, l3);\n  store(place, right, r0, r1, r2, r3);\n}\n\n/// Stores 16 rows of any four columns, likewise.\nfn store(place: Place, columns: vec4u, s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f) {\n  var m0 = s0; var m1 = s1; var m2 = s2; var m3 = s3;\n  for (var row = place.row; row < min(place.row + ROWS, params.M); row++) {\n    store_row(place.starts.z + row * params.yStride, columns, m0[0]);\n    m0 = moved_up(m0, m1); m1 = moved_up(m1, m2); m2 = moved_up(m2, m3); m3 = moved_up(m3, m3);\n  }\n}\n\n/// Stores four elements of the row of y that starts at `start`.\nfn store_row(start: u32, columns: vec4u, sums: vec4f) {\n  var column = columns;\n  var sum = sums;\n  for (var j = 0u; j < 4u; j++) {\n    if (column.x < params.N) { y[start + column.x] = finished(start, column.x, sum.x); }\n    column = column.yzwx;\n    sum = sum.yzwx;\n  }\n}\n\n/// The element of a row of y that starts at `start`, given its sum of products.\nfn finished(start: u32, column: u32, sum: f32) -> Result {\n  var z = sum;\n  if (BIAS) { z += f32(bias[params.biasStart + column]); }\n  z = activate(ACTIVATION, z);\n  if (RESIDUAL) { z += f32(residual[params.starts.w + start - params.starts.z + column]); }\n  if (ACCUMULATE) { z += f32(y[start + column]); }\n  return Result(z);\n}\n";

// kernels/matmul_rows.wgsl
var matmul_rows_default = "// Matrix product of few rows, as generation needs it: y[b, m, n] = f(\u03A3_k a[b, m, k] b[b, k, n] + bias[n]) + residual, or y +=,\n// all operands by strides. Every element of b is read once per four rows: the kernel is bound by that.\n//\n// SHARERS threads share a column, each with four rows and every SHARERS-th element of k; their sums meet in workgroup\n// memory. Where elements of b are adjacent along k (a weight [out, in]), SHARERS neighbours read them side by side; where\n// they are adjacent along n, SHARERS is 1 and neighbours own neighbouring columns.\n//   few_rows      any strides; a thread owns a column\n//   vectorised    elements of a and b adjacent along k, strides and starts multiples of the 4 (f32), 8 (halves) or 16 (bytes)\n//                 that one load of b brings (WEIGHT); a thread owns four columns, and one row or four. No batch\n\nalias Element = f32;\nalias Result = f32;       // y's; f32 for the parts of a split product\n\nconst BIAS: bool = false;\nconst RESIDUAL: bool = false;\nconst ACCUMULATE: bool = false;\nconst ACTIVATION: u32 = ACTIVATION_NONE;\n\nconst SHARERS: u32 = 16;   // threads that share a column\nconst COLUMNS: u32 = 4;    // of a workgroup; in vectorised fours of them\nconst THREADS = SHARERS * COLUMNS;\nconst ROWS: u32 = 4;       // of y per workgroup; in vectorised 1 or 4\n\nstruct Params {\n  M: u32, N: u32, K: u32,\n  tilesM: u32, tilesN: u32,\n  batches: u32,\n  biasStart: u32,\n  yStride: u32,            // along m; along n it is 1\n  starts: vec4u,           // of a, b, y, residual; in elements, as the strides\n  aStrides: vec2u,         // along m, k\n  bStrides: vec2u,         // along k, n\n  batchShape: vec4u,\n  aBatch: vec4u,\n  bBatch: vec4u,\n  yBatch: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> a: array<Element>;\n@group(0) @binding(1) var<storage, read> b: array<Element>;\n@group(0) @binding(2) var<storage, read> bias: array<Element>;\n@group(0) @binding(3) var<storage, read> residual: array<Element>;    // laid out as y\n@group(0) @binding(4) var<storage, read_write> y: array<Result>;\n\n// vectorised\n@group(0) @binding(0) var<storage, read> a4: array<vec4<Element>>;\n@group(0) @binding(1) var<storage, read> b4: array<vec4u>;\n\nvar<workgroup> partial: array<vec4f, THREADS>;\nvar<workgroup> blocks: array<mat4x4f, THREADS>;\n\n@compute @workgroup_size(THREADS)\nfn few_rows(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  let tiles = params.tilesM * params.tilesN;\n  let batch = index / tiles;\n  if (batch >= params.batches) { return; }\n  let row = index % tiles / params.tilesN * ROWS;\n  let column = index % params.tilesN * COLUMNS + lane / SHARERS;\n  let starts = params.starts.xyz\n    + batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);\n  // Rows and columns past the edge read the last one again; they are not stored.\n  let first = lane % SHARERS;\n  let rows = min(row + vec4u(0u, 1u, 2u, 3u), vec4u(params.M - 1u));\n  var atA = starts.x + rows * params.aStrides.x + first * params.aStrides.y;\n  var atB = starts.y + min(column, params.N - 1u) * params.bStrides.y + first * params.bStrides.x;\n  var sum = vec4f();\n  for (var k = first; k < params.K; k += SHARERS) {\n    sum += f32(b[atB]) * vec4f(vec4<Element>(a[atA.x], a[atA.y], a[atA.z], a[atA.w]));\n    atA += SHARERS * params.aStrides.y;\n    atB += SHARERS * params.bStrides.x;\n  }\n  if (SHARERS > 1u) {\n    partial[lane] = sum;\n    workgroupBarrier();\n    for (var i = 1u; i < SHARERS; i++) { sum += partial[min(lane + i, THREADS - 1u)]; }\n  }\n  if (first > 0u || column >= params.N) { return; }\n  for (var i = 0u; i < min(ROWS, params.M - row); i++) {\n    let start = starts.z + (row + i) * params.yStride;\n    y[start + column] = finished(start, column, sum[i]);\n  }\n}\n\n@compute @workgroup_size(THREADS)\nfn vectorised(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  const LOADED = select(select(8u, 16u, WEIGHT == WEIGHT_INT8), 4u, WEIGHT == WEIGHT_F32);   // elements of b\n  let index = group.x + group.y * groups.x;\n  let tiles = params.tilesM * params.tilesN;\n  let batch = index / tiles;\n  if (batch >= params.batches) { return; }\n  let row = index % tiles / params.tilesN * ROWS;\n  let column = (index % params.tilesN * COLUMNS + lane / SHARERS) * 4u;\n  let starts = params.starts.xyz\n    + batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);\n  let first = lane % SHARERS;\n  let four = vec4u(0u, 1u, 2u, 3u);\n  let rows = min(row + four, vec4u(params.M - 1u));\n  let columns = min(column + four, vec4u(params.N - 1u));\n  var atA = (starts.x + rows * params.aStrides.x) / 4u + first * (LOADED / 4u);\n  var atB = (starts.y + columns * params.bStrides.y) / LOADED + first;\n  let ends = atB - first + params.K / LOADED;\n  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n  for (var k = first * LOADED; k < params.K; k += SHARERS * LOADED) {\n    let w0 = b4[atB.x]; let w1 = b4[atB.y]; let w2 = b4[atB.z]; let w3 = b4[atB.w];\n    let b0 = mat4x4f(first_four(w0), first_four(w1), first_four(w2), first_four(w3));\n    s0 += vec4f(a4[atA.x]) * b0;\n    if (ROWS > 1u) { s1 += vec4f(a4[atA.y]) * b0; s2 += vec4f(a4[atA.z]) * b0; s3 += vec4f(a4[atA.w]) * b0; }\n    if (LOADED >= 8u) {\n      let b1 = mat4x4f(second_four(w0), second_four(w1), second_four(w2), second_four(w3));\n      let a1 = atA + 1u;\n      s0 += vec4f(a4[a1.x]) * b1;\n      if (ROWS > 1u) { s1 += vec4f(a4[a1.y]) * b1; s2 += vec4f(a4[a1.z]) * b1; s3 += vec4f(a4[a1.w]) * b1; }\n    }\n    if (LOADED == 16u) {\n      let b2 = mat4x4f(unpacked_bytes(w0.z), unpacked_bytes(w1.z), unpacked_bytes(w2.z), unpacked_bytes(w3.z));\n      let a2 = atA + 2u;\n      s0 += vec4f(a4[a2.x]) * b2;\n      if (ROWS > 1u) { s1 += vec4f(a4[a2.y]) * b2; s2 += vec4f(a4[a2.z]) * b2; s3 += vec4f(a4[a2.w]) * b2; }\n      let b3 = mat4x4f(unpacked_bytes(w0.w), unpacked_bytes(w1.w), unpacked_bytes(w2.w), unpacked_bytes(w3.w));\n      let a3 = atA + 3u;\n      s0 += vec4f(a4[a3.x]) * b3;\n      if (ROWS > 1u) { s1 += vec4f(a4[a3.y]) * b3; s2 += vec4f(a4[a3.z]) * b3; s3 += vec4f(a4[a3.w]) * b3; }\n    }\n    atA += SHARERS * (LOADED / 4u);\n    atB += SHARERS;\n  }\n  var sums = mat4x4f(s0, s1, s2, s3);\n  if (SHARERS > 1u) {\n    blocks[lane] = sums;\n    workgroupBarrier();\n    for (var i = 1u; i < SHARERS; i++) { sums += blocks[min(lane + i, THREADS - 1u)]; }\n  }\n  if (first > 0u) { return; }\n  if (WEIGHT == WEIGHT_INT8) {\n    let scales = vec4f(byte_scale(b4[ends.x]), byte_scale(b4[ends.y]), byte_scale(b4[ends.z]), byte_scale(b4[ends.w]));\n    sums = mat4x4f(sums[0] * scales, sums[1] * scales, sums[2] * scales, sums[3] * scales);\n  }\n  for (var i = 0u; i < min(ROWS, params.M - row); i++) {\n    let start = starts.z + (row + i) * params.yStride;\n    for (var j = 0u; j < 4u && column + j < params.N; j++) {\n      y[start + column + j] = finished(start, column + j, sums[i][j]);\n    }\n  }\n}\n\n/// The first four elements of b in a load.\nfn first_four(loaded: vec4u) -> vec4f {\n  if (WEIGHT == WEIGHT_F32) { return bitcast<vec4f>(loaded); }\n  if (WEIGHT == WEIGHT_INT8) { return unpacked_bytes(loaded.x); }\n  return unpacked_halves(loaded.xy);\n}\n\n/// The next four, of halves and of bytes.\nfn second_four(loaded: vec4u) -> vec4f {\n  if (WEIGHT == WEIGHT_INT8) { return unpacked_bytes(loaded.y); }\n  return unpacked_halves(loaded.zw);\n}\n\n/// The element of a row of y that starts at `start`, given its sum of products.\nfn finished(start: u32, column: u32, sum: f32) -> Result {\n  var z = sum;\n  if (BIAS) { z += f32(bias[params.biasStart + column]); }\n  z = activate(ACTIVATION, z);\n  if (RESIDUAL) { z += f32(residual[params.starts.w + start - params.starts.z + column]); }\n  if (ACCUMULATE) { z += f32(y[start + column]); }\n  return Result(z);\n}\n";

// kernels/matmul_split.wgsl
var matmul_split_default = "// The second pass of a matrix product whose long inner axis was split (few tiles would leave most of a GPU idle):\n//   y[m, n] = f(\u03A3_s partial[s, m, n] + bias[n]) + residual[m, n]      in the order of s: the same bits on every run\n//\n// A thread owns one element of y. The first pass is a batched product, one part of the inner axis per matrix.\n\nalias Element = f32;\n\nconst BIAS: bool = false;\nconst RESIDUAL: bool = false;\nconst ACCUMULATE: bool = false;\nconst ACTIVATION: u32 = ACTIVATION_NONE;\n\nconst THREADS: u32 = 64;\n\nstruct Params {\n  size: u32,               // of y\n  N: u32,\n  parts: u32,\n  yStart: u32,\n  yStride: u32,            // along m; along n it is 1\n  biasStart: u32,\n  residualStart: u32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> partial: array<f32>;         // (parts, M, N)\n@group(0) @binding(1) var<storage, read> bias: array<Element>;\n@group(0) @binding(2) var<storage, read> residual: array<Element>;    // laid out as y\n@group(0) @binding(3) var<storage, read_write> y: array<Element>;\n\n@compute @workgroup_size(THREADS)\nfn sum_parts(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * THREADS + lane;\n  if (i >= params.size) { return; }\n  let column = i % params.N;\n  let at = i / params.N * params.yStride + column;\n  var z = 0f;\n  for (var s = 0u; s < params.parts; s++) { z += partial[s * params.size + i]; }\n  if (BIAS) { z += f32(bias[params.biasStart + column]); }\n  z = activate(ACTIVATION, z);\n  if (RESIDUAL) { z += f32(residual[params.residualStart + at]); }\n  if (ACCUMULATE) { z += f32(y[params.yStart + at]); }\n  y[params.yStart + at] = Element(z);\n}\n";

// kernels/transpose.wgsl
var transpose_default = "// Transposed dense copy of a matrix: y[c, r] = x[r, c]     x (rows, columns), columns adjacent     y (columns, rows)\n//\n// A thread owns a 4 x 4 block, so that loads and stores are vec4; neighbours store neighbouring memory. rows, columns\n// and x's stride are multiples of 4.\n\nalias Element = f32;\n\nconst THREADS: u32 = 64;\n\nstruct Params {\n  rows: u32, columns: u32,\n  xStart: u32,\n  xStride: u32,   // along rows\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x4: array<vec4<Element>>;\n@group(0) @binding(1) var<storage, read_write> y4: array<vec4<Element>>;\n\n@compute @workgroup_size(THREADS)\nfn transpose_blocks(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let block = (group.x + group.y * groups.x) * THREADS + lane;\n  let across = params.rows / 4u;\n  let row = block % across * 4u;\n  let column4 = block / across;\n  if (column4 >= params.columns / 4u) { return; }\n  let stride = params.xStride / 4u;\n  let at = params.xStart / 4u + row * stride + column4;\n  let b = transpose(mat4x4f(\n    vec4f(x4[at]), vec4f(x4[at + stride]), vec4f(x4[at + 2u * stride]), vec4f(x4[at + 3u * stride]),\n  ));\n  for (var i = 0u; i < 4u; i++) { y4[(4u * column4 + i) * across + row / 4u] = vec4<Element>(b[i]); }\n}\n";

// src/ops/multiply.ts
init_errors();

// src/ops/variants.ts
function variantFor({ gpu }, family, shapeClass, usable = () => true) {
  const chosen = gpu.choices.get(family.name, shapeClass);
  const known = chosen !== void 0 && family.variants.includes(chosen);
  const wanted = known ? chosen : family.shipped(gpu.adapter, shapeClass, usable);
  const variant = usable(wanted) ? wanted : family.variants.find(usable);
  gpu.choices.note(family.name, shapeClass, variant);
  return variant;
}
function sizeClass2(n) {
  return n === 0 ? 0 : 1 + Math.ceil(Math.log2(n));
}
function sizesOf(shapeClass) {
  return shapeClass.split(" ").map((each) => 2 ** (Number(each) - 1));
}

// src/ops/multiply.ts
var kernels = {
  tiles: kernelFile("matmul", matmul_default),
  broadcast: kernelFile("matmul_broadcast", matmul_broadcast_default),
  rows: kernelFile("matmul_rows", matmul_rows_default),
  split: kernelFile("matmul_split", matmul_split_default),
  transpose: kernelFile("transpose", transpose_default)
};
var ACTIVATIONS = {
  relu: "ACTIVATION_RELU",
  gelu: "ACTIVATION_GELU",
  geluTanh: "ACTIVATION_GELU_TANH",
  silu: "ACTIVATION_SILU"
};
var FEW = 8;
var FEW_ON_CPU = 4;
var MATMUL = {
  name: "matmul",
  // Without subgroups the second stands in.
  variants: ["broadcast", "tiles", "tiles128x64", "tiles128", "vectors", "rows"],
  shipped: ({ software }, shapeClass, usable) => {
    const [M, N] = sizesOf(shapeClass);
    if (M <= (software ? FEW_ON_CPU : FEW) && usable("vectors")) return "vectors";
    if (software) return N <= 2 ? "rows" : "broadcast";
    if (M <= FEW) return "rows";
    return M >= 1024 && N >= 1024 ? "tiles128" : "tiles";
  }
};
var MATMUL_SPLIT = {
  name: "matmulSplit",
  variants: ["split", "whole"],
  shipped: ({ software }, shapeClass) => {
    const [M, N, K] = sizesOf(shapeClass);
    if (software && M <= FEW_ON_CPU && N >= 64) return "whole";
    const tiles = M * N / (software ? 16 * 64 : 64 * 64);
    return tiles <= (software ? 1 : 32) && K >= 2048 ? "split" : "whole";
  }
};
var PART = 256;
var MAX_PARTS = 32;
var shapeClassOf = (...sizes) => sizes.map(sizeClass2).join(" ");
function multiplyInto(y, a, b, epilogue = {}) {
  const [M, N] = y.shape.slice(-2);
  const K = a.shape.at(-1);
  if (y.size === 0) return;
  if (K === 0) {
    if (!epilogue.accumulate) fill(y, 0);
    return;
  }
  const { runtime } = y;
  const canSplit = () => y.rank === 2 && K >= 2 * PART;
  const way = variantFor(
    runtime,
    MATMUL_SPLIT,
    shapeClassOf(M, N, K),
    (w) => w === "whole" || canSplit()
  );
  if (way === "split") multiplySplit(y, a, b, epilogue);
  else multiplyWhole(y, a, b, epilogue);
}
function multiplySplit(y, a, b, epilogue) {
  var _stack = [];
  try {
    const [M, N] = y.shape;
    const K = a.shape[1];
    const parts = Math.min(MAX_PARTS, Math.floor(K / PART));
    const width = Math.ceil(K / parts);
    const even = Math.floor(K / width);
    const rest = K - even * width;
    const count2 = even + (rest > 0 ? 1 : 0);
    const partial = __using(_stack, allocate(y.runtime, [count2, M, N], "f32"));
    const [am, ak] = a.strides;
    const [bk, bn] = b.strides;
    const multiplyParts = (first, matrices, width2, partWidth) => {
      var _stack2 = [];
      try {
        const into = __using(_stack2, partial.alias([matrices, M, N], partial.strides, first * M * N));
        const skip = first * partWidth;
        const left = __using(_stack2, a.alias([matrices, M, width2], [partWidth * ak, am, ak], a.offset + skip * ak));
        const right = __using(_stack2, b.alias([matrices, width2, N], [partWidth * bk, bk, bn], b.offset + skip * bk));
        multiplyWhole(into, left, right, {});
      } catch (_2) {
        var _error2 = _2, _hasError2 = true;
      } finally {
        __callDispose(_stack2, _error2, _hasError2);
      }
    };
    multiplyParts(0, even, width, width);
    if (rest > 0) multiplyParts(even, 1, rest, width);
    const { bias, residual } = epilogue;
    const nothing = __using(_stack, partial.alias([1], [1], 0));
    launch(kernels.split, "sum_parts", {
      inputs: [partial, bias ?? nothing, residual ?? nothing],
      outputs: [y],
      params: {
        size: M * N,
        N,
        parts: count2,
        yStart: bindingStart(y),
        yStride: y.strides[0],
        biasStart: bias ? bindingStart(bias) : 0,
        residualStart: residual ? bindingStart(residual) : 0
      },
      constants: { Element: y.dtype, ...switches(epilogue) },
      workgroups: groupsFor(M * N),
      flops: count2 * M * N,
      strided: true
    });
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function multiplyWhole(y, a, b, epilogue) {
  const [M, N] = y.shape.slice(-2);
  const K = a.shape.at(-1);
  const { gpu } = y.runtime;
  const batch = sizeOf(y.shape.slice(0, -2));
  const variant = variantFor(y.runtime, MATMUL, shapeClassOf(M, N, K, batch), (each) => {
    if (each === "vectors") return readsByFours(a, b);
    return each !== "broadcast" || gpu.subgroupMinSize >= 4;
  });
  untaped(() => {
    const [left, right] = variant === "broadcast" ? gatheredOperands(a, b) : [a, b];
    launchVariant(variant, y, left, right, epilogue);
  });
}
function gatheredOperands(a, b) {
  const [M, K] = a.shape.slice(-2);
  const N = b.shape.at(-1);
  if (M < FEW * 4) return [a, b];
  const columns = transpose(a);
  return [
    K >= 768 && N >= 384 && isTransposed(columns) ? transpose(gathered(columns)) : a,
    N > 1 && b.strides.at(-1) !== 1 ? gathered(b) : b
  ];
}
function gathered(x2) {
  if (!isTransposed(x2)) return denseCopy(x2);
  const [rows2, columns] = x2.shape;
  const dense = allocate(x2.runtime, x2.shape, x2.dtype);
  launch(kernels.transpose, "transpose_blocks", {
    inputs: [x2],
    outputs: [dense],
    params: { rows: columns, columns: rows2, xStart: bindingStart(x2), xStride: x2.strides[1] },
    constants: { Element: x2.dtype },
    workgroups: groupsFor(x2.size / 16),
    strided: true
  });
  return dense;
}
function isTransposed(x2) {
  return x2.rank === 2 && x2.strides[0] === 1 && [...x2.shape, x2.strides[1], bindingStart(x2)].every((n) => n % 4 === 0);
}
function launchVariant(variant, y, a, b, epilogue) {
  var _stack = [];
  try {
    const [M, N] = y.shape.slice(-2);
    const K = a.shape.at(-1);
    const batchShape = y.shape.slice(0, -2);
    const batch = batchStrides(batchShape, [a, b, y]);
    const batches = sizeOf(batchShape);
    const aStrides = a.strides.slice(-2);
    const bStrides = b.strides.slice(-2);
    const { bias, residual } = epilogue;
    const aligned = isAligned(y, b, epilogue, [...batch.strides[1], ...batch.strides[2]]);
    const { file, entry, constants: constants3, tile } = kernelFor(variant, y, a, b, aligned);
    const [tilesM, tilesN] = [Math.ceil(M / tile[0]), Math.ceil(N / tile[1])];
    const nothing = __using(_stack, b.alias([Math.min(4, N)], [bStrides[1]], b.offset));
    launch(file, entry, {
      inputs: [a, b, bias ?? nothing, residual ?? nothing],
      outputs: [y],
      params: {
        M,
        N,
        K,
        tilesM,
        tilesN,
        batches,
        biasStart: bias ? bindingStart(bias) : 0,
        yStride: y.strides.at(-2),
        starts: [a, b, y, residual ?? nothing].map(bindingStart),
        aStrides,
        bStrides,
        batchShape: batch.shape,
        aBatch: batch.strides[0],
        bBatch: batch.strides[1],
        yBatch: batch.strides[2]
      },
      constants: { Element: a.dtype, Result: y.dtype, ...constants3, ...switches(epilogue) },
      workgroups: batches * tilesM * tilesN,
      flops: 2 * batches * M * N * K,
      strided: true
    });
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function kernelFor(variant, y, a, b, aligned) {
  const [am, ak] = a.strides.slice(-2);
  const [bk, bn] = b.strides.slice(-2);
  switch (variant) {
    case "broadcast": {
      const broadcast = { file: kernels.broadcast, tile: [16, 64] };
      const SHARERS = y.runtime.gpu.subgroupMinSize < 8 ? 4 : 8;
      const STEPS = a.shape.at(-1) % 2 === 0 ? 2 : 1;
      return aligned ? { ...broadcast, entry: "vectorised", constants: { SHARERS, STEPS } } : { ...broadcast, entry: "general", constants: { SHARERS } };
    }
    case "rows": {
      const threads = y.runtime.gpu.adapter.software ? 8 : 64;
      const SHARERS = bk < bn ? Math.min(threads, 16) : 1;
      const COLUMNS2 = threads / SHARERS;
      return {
        file: kernels.rows,
        entry: "few_rows",
        constants: { SHARERS, COLUMNS: COLUMNS2 },
        tile: [4, COLUMNS2]
      };
    }
    case "vectors":
      return vectorsKernel(y, b.dtype === "f16" ? "f16" : "f32");
    default: {
      const BLOCKS_M = variant === "tiles" ? 1 : 2;
      const BLOCKS_N = variant === "tiles128" ? 2 : 1;
      const constants3 = {
        BLOCKS_M,
        BLOCKS_N,
        TILE_K: BLOCKS_N === 2 ? 8 : 16,
        // each then fits 16 KiB of workgroup memory
        A_ALONG_K: String(ak < am),
        B_ALONG_K: String(bk < bn),
        UNROLLED: String(!y.runtime.gpu.adapter.software)
      };
      const tile = [64 * BLOCKS_M, 64 * BLOCKS_N];
      return { file: kernels.tiles, entry: "tiles", constants: constants3, tile };
    }
  }
}
function vectorsKernel(y, weight) {
  const [threads, SHARERS] = y.runtime.gpu.adapter.software ? [8, 1] : [64, 16];
  const COLUMNS2 = threads / SHARERS;
  const ROWS = y.shape.at(-2) === 1 ? 1 : 4;
  return {
    file: kernels.rows,
    entry: "vectorised",
    constants: { SHARERS, COLUMNS: COLUMNS2, ROWS, WEIGHT: `WEIGHT_${weight.toUpperCase()}` },
    tile: [ROWS, 4 * COLUMNS2]
  };
}
function readsByFours(a, b) {
  const loaded = 16 / BYTES[b.dtype];
  const [ak, bk] = [a.strides.at(-1), b.strides.at(-2)];
  const others = [...a.strides.slice(0, -1), ...b.strides.slice(0, -2), b.strides.at(-1)];
  const steps = [a.shape.at(-1), ...others, bindingStart(a), bindingStart(b)];
  return ak === 1 && bk === 1 && steps.every((n) => n % loaded === 0);
}
function isAligned(y, b, { bias, residual }, batchStrides2) {
  const starts = [y, b, bias, residual].map((x2) => x2 ? bindingStart(x2) : 0);
  const strides = [y.strides.at(-2), b.strides.at(-2), ...batchStrides2];
  const fours = [y.shape.at(-1), ...starts, ...strides].every((n) => n % 4 === 0);
  return fours && b.strides.at(-1) === 1;
}
var switches = ({ bias, activation, residual, accumulate }) => ({
  ...bias && { BIAS: "true" },
  ...activation && { ACTIVATION: ACTIVATIONS[activation] },
  ...residual && { RESIDUAL: "true" },
  ...accumulate && { ACCUMULATE: "true" }
});
function batchStrides(shape, operands) {
  const strides = operands.map(
    (x2) => broadcastStrides(x2.shape.slice(0, -2), x2.strides.slice(0, -2), shape)
  );
  const merged2 = collapse(shape, strides);
  if (merged2.shape.length > 4)
    throw new ShapeError(`matmul: the batch axes ${format(shape)} do not merge to 4 or fewer`);
  const front = 4 - merged2.shape.length;
  const padded3 = (list2, value) => [
    ...new Array(front).fill(value),
    ...list2
  ];
  return { shape: padded3(merged2.shape, 1), strides: merged2.strides.map((s) => padded3(s, 0)) };
}

// src/ops/matmul.ts
function matmul(a, b, { transposeA = false, transposeB = false } = {}) {
  checkOperands(a, b, transposeA, transposeB);
  const output = untaped(() => multiply(oriented(a, transposeA), oriented(b, transposeB)));
  const wanted = [a, b].map((x2) => x2.edge !== null);
  return record({
    name: "matmul",
    inputs: [a, b],
    output,
    saved: [a, b],
    // y = A B:  dA = dy Bᵀ,  dB = Aᵀ dy; the transpose of a product swaps its factors.
    backward: (dy, [a2, b2]) => {
      const da = () => transposeA ? matmul(b2, dy, { transposeA: transposeB, transposeB: true }) : matmul(dy, b2, { transposeB: !transposeB });
      const db = () => transposeB ? matmul(dy, a2, { transposeA: true, transposeB: transposeA }) : matmul(a2, dy, { transposeA: !transposeA });
      return [wanted[0] ? sumTo(da(), a2.shape) : null, wanted[1] ? sumTo(db(), b2.shape) : null];
    }
  });
}
var oriented = (x2, transposed) => transposed ? transpose(x2) : x2.detach();
function multiply(a, b) {
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = allocate(a.runtime, [...batch, a.shape.at(-2), b.shape.at(-1)], a.dtype);
  multiplyInto(y, a, b);
  return y;
}
function checkOperands(a, b, transposeA, transposeB) {
  expectDType("matmul", "a", a, "f32", "f16");
  if (a.dtype !== b.dtype)
    throw new DTypeError(`matmul: a is ${a.dtype} and b is ${b.dtype}; cast() one of them`);
  if (a.rank < 2 || b.rank < 2) {
    throw new ShapeError(
      `matmul: a is ${format(a.shape)} and b is ${format(b.shape)}; both need at least 2 axes`
    );
  }
  const inner = a.shape.at(transposeA ? -2 : -1);
  const other = b.shape.at(transposeB ? -1 : -2);
  if (inner === other) return;
  const turned = b.shape.at(transposeB ? -2 : -1) === inner ? ` (did you mean transposeB${transposeB ? ": false" : ""}?)` : "";
  throw new ShapeError(
    `matmul: a is ${format(a.shape)} and b is ${format(b.shape)}; the inner dimensions ${inner} and ${other} differ${turned}`
  );
}

// src/ops/multiply_packed.ts
function readsPacked(x2, weight) {
  const limit = x2.runtime.gpu.limits.maxStorageBufferBindingSize - 256;
  const K = x2.shape.at(-1);
  const few = K > 0 && x2.size <= FEW * K && x2.dtype === "f32";
  const inFours = x2.isDense && bindingStart(x2) % 4 === 0 && bindingStart(weight) % 4 === 0;
  return few && inFours && weight.isDense && K % 8 === 0 && BYTES.u32 * weight.size <= limit;
}
function multiplyPacked(y, x2, weight, epilogue) {
  const [M, N] = y.shape;
  const K = x2.shape[1];
  const type = packedType("linear", weight);
  const perWord = type === "int8" ? 4 : 2;
  const { file, entry, constants: constants3, tile } = vectorsKernel(y, type);
  const [tilesM, tilesN] = [Math.ceil(M / tile[0]), Math.ceil(N / tile[1])];
  const { bias, residual } = epilogue;
  const none = [0, 0, 0, 0];
  launch(file, entry, {
    inputs: [x2, weight, bias ?? x2, residual ?? x2],
    outputs: [y],
    params: {
      ...{ M, N, K, tilesM, tilesN, batches: 1 },
      biasStart: bias ? bindingStart(bias) : 0,
      yStride: N,
      // In elements of each, as are the strides.
      starts: [
        bindingStart(x2),
        perWord * bindingStart(weight),
        bindingStart(y),
        residual ? bindingStart(residual) : 0
      ],
      aStrides: [K, 1],
      bStrides: [1, perWord * weight.shape[1]],
      batchShape: [1, 1, 1, 1],
      ...{ aBatch: none, bBatch: none, yBatch: none }
    },
    constants: { ...constants3, ...switches(epilogue) },
    workgroups: tilesM * tilesN,
    flops: 2 * M * N * K,
    strided: true
  });
}

// src/ops/linear.ts
var ACTIVATIONS2 = {
  relu,
  gelu,
  geluTanh: (x2) => gelu(x2, { approximate: "tanh" }),
  silu
};
function activated(x2, activation) {
  return activation ? ACTIVATIONS2[activation](x2) : x2;
}
function linear(x2, weight, bias, { activation, residual } = {}) {
  checkArguments(x2, weight, bias, residual);
  const fits = weight.dtype === "u32" ? readsPacked(x2, weight) : fitsAtOnce(x2, weight);
  const told = activation === "relu" && !residual;
  const inKernel = activation && (told || !needsGrad([x2, weight, ...bias ? [bias] : []]));
  if (fits && (inKernel || !activation)) return fused(x2, weight, bias, { activation, residual });
  const affine = fits ? fused(x2, weight, bias, {}) : inBlocks(x2, weight, bias);
  const y = activated(affine, activation);
  return residual ? add(y, residual) : y;
}
function checkArguments(x2, weight, bias, residual) {
  expectDType("linear", "x", x2, "f32", "f16");
  if (weight.dtype === "u32") packedType("linear", weight);
  else if (weight.dtype !== x2.dtype) {
    throw new DTypeError(`linear: x is ${x2.dtype} and weight ${weight.dtype}; cast() one of them`);
  }
  const shape = weightShape(weight);
  if (weight.rank !== 2 || x2.rank === 0 || x2.shape.at(-1) !== shape[1]) {
    throw new ShapeError(
      `linear: x is ${format(x2.shape)} and weight ${format(shape)}; expected [..., in] and [out, in]`
    );
  }
  const outputs = weight.shape[0];
  if (bias) expectShape("linear", "bias", bias, [outputs]);
  if (residual) expectShape("linear", "residual", residual, [...x2.shape.slice(0, -1), outputs]);
  if (bias) expectDType("linear", "bias", bias, x2.dtype);
  if (residual) expectDType("linear", "residual", residual, x2.dtype);
}
function fitsAtOnce(x2, weight) {
  const [N, K] = weight.shape;
  const width = BYTES[x2.dtype];
  const rows2 = sizeOf(x2.shape.slice(0, -1));
  const limit = x2.runtime.gpu.limits.maxStorageBufferBindingSize - 256;
  return K > 0 && Math.max(N * K, rows2 * K, rows2 * N) * width <= limit;
}
function fused(x2, weight, bias, { activation, residual }) {
  const [N, K] = [weight.shape[0], x2.shape.at(-1)];
  const M = sizeOf(x2.shape.slice(0, -1));
  const packed = weight.dtype === "u32";
  const y = untaped(() => {
    const y2 = allocate(x2.runtime, [M, N], x2.dtype);
    const epilogue = {
      bias: bias && x2.runtime.dense(bias),
      activation,
      residual: residual && reshape(x2.runtime.dense(residual), [M, N])
    };
    if (packed) multiplyPacked(y2, reshape(x2, [M, K]), weight, epilogue);
    else multiplyInto(y2, reshape(x2, [M, K]), transpose(weight), epilogue);
    return reshape(y2, [...x2.shape.slice(0, -1), N]);
  });
  const given = [x2, weight, bias, residual].filter((each) => each !== void 0);
  const wanted = [x2, weight, bias, residual].map(
    (each) => each !== void 0 && each.edge !== null
  );
  const gradients2 = (dOutput, saved, take) => {
    const [x3, weight2, y2] = saved;
    const dy = y2 ? reluGradient(dOutput, y2) : dOutput;
    const g = reshape(dy, [M, N]);
    const dx = () => packed ? reshape(timesWeight(g, weight2), x3.shape) : inputGradient(g, weight2, x3, take?.(0));
    return [
      wanted[0] ? dx() : null,
      wanted[1] ? matmul(g, reshape(x3, [M, K]), { transposeA: true }) : null,
      ...bias ? [wanted[2] ? sumTo(dy, bias.shape) : null] : [],
      ...residual ? [wanted[3] ? dy : null] : []
    ];
  };
  return record({
    name: "linear",
    inputs: given,
    output: y,
    saved: activation === "relu" ? [x2, weight, y] : [x2, weight],
    backward: gradients2,
    fused: gradients2
  });
}
function inputGradient(dy, weight, x2, waiting2) {
  if (!waiting2) return reshape(matmul(dy, weight), x2.shape);
  const [M, K] = [dy.shape[0], weight.shape[1]];
  const dx = allocate(x2.runtime, [M, K], x2.dtype);
  multiplyInto(dx, dy, weight, { residual: reshape(x2.runtime.dense(waiting2), [M, K]) });
  return reshape(dx, x2.shape);
}
function inBlocks(x2, weight, bias) {
  if (weight.dtype === "u32") return linearOfPacked(x2, weight, bias);
  const [outputs, inputs] = weight.shape;
  const leading = x2.shape.slice(0, -1);
  const y = reshape(product(reshape(x2, [sizeOf(leading), inputs]), weight), [...leading, outputs]);
  return bias ? add(y, bias) : y;
}
function linearOfPacked(x2, weight, bias) {
  const y = untaped(() => {
    const parts = blocksOf(weight, BYTES.f32 * weightShape(weight)[1]).map((block) => {
      var _stack = [];
      try {
        const unpacked2 = __using(_stack, unpackedRows(weight, block));
        return linear(x2, unpacked2);
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    });
    return parts.length === 1 ? parts[0] : concat(parts, { axis: -1 });
  });
  record({
    name: "linear",
    inputs: [x2],
    output: y,
    saved: [weight],
    backward: (dy, [weight2]) => [timesWeight(dy, weight2)]
  });
  return bias ? add(y, bias) : y;
}
function timesWeight(dy, weight) {
  const leading = dy.shape.slice(0, -1);
  const packed = weight.dtype === "u32";
  const [N, K] = weightShape(weight);
  const rows2 = reshape(dy, [sizeOf(leading), N]);
  const blocks = blocksOf(weight, BYTES.f32 * K);
  const all = { begin: 0, end: rows2.shape[0] };
  const part = (block) => {
    var _stack = [];
    try {
      const own = __using(_stack, packed ? unpackedRows(weight, block) : rowsOf(weight, block));
      return matmul(partOf(rows2, all, block), own);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  };
  const dx = packed || blocks.length > 1 ? blocks.map(part).reduce(add) : matmul(rows2, weight);
  return reshape(dx, [...leading, K]);
}
function unpackedRows(weight, block) {
  var _stack = [];
  try {
    const rows2 = __using(_stack, rowsOf(weight, block));
    return unpackWeight(rows2);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function product(x2, weight) {
  const [M, K] = x2.shape;
  const N = weight.shape[0];
  const width = BYTES[x2.dtype];
  const columns = blocksOf(weight, width * K);
  const rows2 = blocksOf(x2, width * Math.max(K, N));
  if (columns.length <= 1 && rows2.length <= 1) return matmul(x2, weight, { transposeB: true });
  const output = allocate(x2.runtime, [M, N], x2.dtype);
  untaped(() => {
    for (const r of rows2) {
      for (const c of columns) {
        multiplyInto(partOf(output, r, c), rowsOf(x2, r), transpose(rowsOf(weight, c)));
      }
    }
  });
  const wanted = [x2, weight].map(({ edge }) => edge !== null);
  return record({
    name: "linear",
    inputs: [x2, weight],
    output,
    saved: [x2, weight],
    // dx = dy W and dW = dyᵀ x, block by block.
    backward: (dy, [x3, weight2]) => {
      const dxRows = (r) => columns.map((c) => matmul(partOf(dy, r, c), rowsOf(weight2, c))).reduce(add);
      const dWeightRows = (c) => rows2.map((r) => matmul(partOf(dy, r, c), rowsOf(x3, r), { transposeA: true })).reduce(add);
      return [
        wanted[0] ? concat(rows2.map(dxRows)) : null,
        wanted[1] ? concat(columns.map(dWeightRows)) : null
      ];
    }
  });
}
function blocksOf(x2, rowBytes) {
  const rows2 = x2.shape[0];
  const limit = x2.runtime.gpu.limits.maxStorageBufferBindingSize - 256;
  const most = Math.max(1, Math.floor(limit / Math.max(1, rowBytes)));
  const blocks = [];
  for (let begin2 = 0; begin2 < rows2; begin2 += most) {
    blocks.push({ begin: begin2, end: Math.min(rows2, begin2 + most) });
  }
  return blocks;
}
var rowsOf = (x2, { begin: begin2, end }) => slice(x2, { start: [begin2, 0], end: [end, x2.shape[1]] });
var partOf = (x2, rows2, columns) => slice(x2, { start: [rows2.begin, columns.begin], end: [rows2.end, columns.end] });

// src/nn/module.ts
init_errors();
var Module = class {
  /** All tensors by dotted name, frozen ones included, in the order of the fields: `blocks.0.attention.qkv.weight`. */
  namedTensors(prefix = "") {
    const found = /* @__PURE__ */ new Map();
    for (const [field, value] of Object.entries(this)) visit(`${prefix}${field}`, value, found);
    return found;
  }
  /** The tensors that are trained. */
  namedParameters() {
    return new Map([...this.namedTensors()].filter(([, x2]) => x2.requiresGrad));
  }
  parameters() {
    return [...this.namedParameters().values()];
  }
  /** Every module below this one, itself first. */
  *modules() {
    for (const [, module] of this.namedModules()) yield module;
  }
  /** The same with their dotted names, as in `namedTensors`; this module's own is `name`. */
  *namedModules(name = "") {
    yield [name, this];
    const prefix = name && `${name}.`;
    for (const [field, value] of Object.entries(this)) yield* modulesIn(prefix + field, value);
  }
  /** Overwrites the tensors with the given values. @throws DataError when a name is missing or a shape differs. */
  load(values) {
    loadTensors(this.namedTensors(), values);
  }
  /** Puts `x` in the place of the named tensor, and frees that. @throws DataError for a name that there is not. */
  replace(name, x2) {
    const { holder, field, own } = placeOf("replace", this, name);
    own.dispose();
    holder[field] = x2;
  }
  /** Frees all tensors of the module. */
  dispose() {
    for (const x2 of this.namedTensors().values()) x2.dispose();
  }
};
function loadTensors(own, values) {
  const missing = [...own.keys()].filter((name) => !values.has(name));
  if (missing.length > 0)
    throw new DataError(`load: no values for ${missing.slice(0, 5).join(", ")}`);
  for (const [name, x2] of own) {
    const { shape, data: data2 } = values.get(name);
    if (!sameShape(shape, x2.shape)) {
      throw new DataError(
        `load: ${name} is [${x2.shape.join(", ")}], the file has [${shape.join(", ")}]`
      );
    }
    x2.write(data2);
  }
}
function visit(name, value, found) {
  if (value instanceof Tensor) found.set(name, value);
  else if (value instanceof Module)
    for (const [inner, x2] of value.namedTensors(`${name}.`)) found.set(inner, x2);
  else if (Array.isArray(value))
    for (const [i, item] of value.entries()) visit(`${name}.${i}`, item, found);
  else if (value instanceof Map)
    for (const [key, item] of value) visit(`${name}.${key}`, item, found);
}
function placeOf(what, module, name) {
  const path = name.split(".");
  const field = path.pop();
  const holder = path.reduce(fieldOf, module);
  const own = fieldOf(holder, field);
  if (holder && own instanceof Tensor) return { holder, field, own };
  throw new DataError(`${what}: no tensor ${name}`);
}
function fieldOf(value, field) {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, field)) return void 0;
  return value[field];
}
function* modulesIn(name, value) {
  if (value instanceof Module) yield* value.namedModules(name);
  else if (Array.isArray(value) || value instanceof Map)
    for (const [key, item] of value.entries()) yield* modulesIn(`${name}.${key}`, item);
}

// src/nn/linear.ts
var Linear = class extends Module {
  constructor(init, inputs, outputs, { bias = false, std = 0.02, parts = {} } = {}) {
    super();
    this.inputs = inputs;
    this.outputs = outputs;
    this.weight = init.normal([outputs, inputs], std);
    this.bias = bias ? init.constant([outputs], 0) : null;
    this.parts = parts;
  }
  inputs;
  outputs;
  /** [out, in]; of a frozen layer perhaps packed (`packWeight`). */
  weight;
  /** [out], if the layer has one */
  bias;
  parts;
  adapters = /* @__PURE__ */ new Map();
  // Out of sight of `namedTensors`, which finds the adapter among `adapters`, and must not find the copy.
  #active = null;
  #training = false;
  #merged = null;
  /** [..., out], then the activation, then `residual` [..., out] added. */
  forward(x2, options = {}) {
    const { activation, residual } = options;
    if (this.#active) {
      const y = activated(this.#active.apply(this, x2, { training: this.#training }), activation);
      return residual ? add(y, residual) : y;
    }
    return linear(x2, this.weight, this.bias ?? void 0, options);
  }
  /** Whether `forward` goes through an adapter now. */
  get isAdapted() {
    return this.#active !== null;
  }
  /** The adapter that is part of the weight now. */
  get merged() {
    return this.#merged?.name ?? null;
  }
  /** From now on `forward` goes through the named adapter, if the layer has it, or past all for null. */
  select(name, { training = false } = {}) {
    if (this.#merged) {
      throw new ConfigError(
        `adapter "${this.#merged.name}" is merged into the weights; unmergeAdapter() first`
      );
    }
    this.#active = name === null ? null : this.adapters.get(name) ?? null;
    this.#training = training;
  }
  /** Runs `fn` with `forward` going through the named adapter, if the layer has it, or past all for null. */
  using(name, fn, options = {}) {
    const before = [this.#active, this.#training];
    this.select(name, options);
    try {
      const result2 = fn();
      if (result2 instanceof Promise) {
        throw new TensorError(
          "withAdapter: the function must be synchronous; the adapter is off after it"
        );
      }
      return result2;
    } finally {
      [this.#active, this.#training] = before;
    }
  }
  /** Adds what the named adapter does, if the layer has it, to the weight in its place. */
  merge(name) {
    const adapter = this.adapters.get(name);
    if (!adapter) return;
    this.select(null);
    const { weight } = this;
    if (!adapter.delta || weight.dtype !== "f32") {
      const why = adapter.delta ? `the weight is packed (${weight.storage.packed})` : "it does more than to add to a weight";
      throw new ConfigError(`mergeAdapter: "${name}" cannot be merged: ${why}`);
    }
    this.#merged = { name, weight: Object.assign(denseCopy(weight), { kept: true }) };
    noGrad(() => {
      var _stack = [];
      try {
        const delta = __using(_stack, adapter.delta(this));
        const sum2 = __using(_stack, add(weight, delta));
        copyInto(weight, sum2);
      } catch (_) {
        var _error = _, _hasError = true;
      } finally {
        __callDispose(_stack, _error, _hasError);
      }
    });
  }
  /** Brings the weight back, bit for bit, from the copy that `merge` made: W + ΔW - ΔW would be W but for rounding. */
  unmerge() {
    if (!this.#merged) return;
    copyInto(this.weight, this.#merged.weight);
    this.#merged.weight.dispose();
    this.#merged = null;
  }
  dispose() {
    this.#merged?.weight.dispose();
    super.dispose();
  }
};
function linearLayers(model) {
  return [...model.namedModules()].filter(
    (each) => each[1] instanceof Linear && !/\badapters\./.test(each[0])
  );
}
function layersFor(what, model, name) {
  const layers = linearLayers(model).map(([, layer]) => layer);
  if (name !== null && !layers.some((layer) => layer.adapters.has(name))) {
    const known = [...new Set(layers.flatMap((layer) => [...layer.adapters.keys()]))];
    throw new ConfigError(
      `${what}: no adapter "${name}"; the model has ${known.join(", ") || "none"}`
    );
  }
  return layers;
}
function withAdapter2(model, name, fn, options = {}) {
  const layers = layersFor("withAdapter", model, name);
  return layers.reduceRight((inner, layer) => () => layer.using(name, inner, options), fn)();
}
function setAdapter(model, name) {
  for (const layer of layersFor("setAdapter", model, name)) layer.select(name);
}

// kernels/cross_entropy.wgsl
var cross_entropy_default = "// Cross-entropy of logits (rows, V) against one target a row, and its gradient. With s = labelSmoothing:\n//   rows       lse = max logits + ln \u03A3 exp(logits - max logits)\n//              losses[r] = (1 - s) (lse - logits[r, target]) + s (lse - mean logits[r])\n//   reduce     loss = weight \u03A3 losses                          weight = 1 / (rows that count), or 1 for the plain sum\n//   backward   dlogits[r, v] = weight dy (exp(logits[r, v] - lse) - (1 - s) [v = target] - s / V)\n// A row counts unless its target is ignoreIndex, else its loss is 0; a target out of [0, V) does not count either, and\n// is a fault. Logits at LOWEST or below are masked; a row that is masked everywhere gives zeros. A row with NaN or\n// +infinity has the loss NaN: a model that diverged must not look perfect.\n//\n// `lse` keeps the maximum and the logarithm apart: their sum would lose the latter when logits are large. The\n// probabilities are computed anew in backward instead of being stored, as in Liger (Hsu et al. 2024).\n// A row belongs to a workgroup, or to a thread (lib/rows.wgsl). Logits over the binding limit come in blocks of\n// rows, from `firstRow` on; the tensors with one entry a row are bound whole.\n\nalias Element = f32;      // or a vector of four\nalias Target = i32;\n\nstruct Params {\n  rows: u32,             // of this block; in reduce: all\n  V: u32,\n  firstRow: u32,\n  ignoreIndex: i32,\n  labelSmoothing: f32,\n  isMean: u32,           // reduce\n  dyStride: u32,         // 1 where every row has a dy of its own, 0 where they share one\n  fault: u32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> logits: array<Element>;           // rows, backward\n@group(0) @binding(1) var<storage, read> targets: array<Target>;\n@group(0) @binding(2) var<storage, read_write> losses: array<f32>;         // rows\n@group(0) @binding(3) var<storage, read_write> lse: array<vec2f>;          // (maximum, logarithm)\n@group(0) @binding(4) var<storage, read_write> fault: array<u32>;\n\n@group(0) @binding(0) var<storage, read> row_losses: array<f32>;           // reduce\n@group(0) @binding(2) var<storage, read_write> loss: array<f32>;\n@group(0) @binding(3) var<storage, read_write> weight: array<f32>;\n\n@group(0) @binding(2) var<storage, read> saved_lse: array<vec2f>;          // backward\n@group(0) @binding(3) var<storage, read> dy: array<f32>;\n@group(0) @binding(4) var<storage, read> saved_weight: array<f32>;\n@group(0) @binding(5) var<storage, read_write> dlogits: array<Element>;\n\nfn counts(target_of_row: Target) -> bool {\n  return i32(target_of_row) != params.ignoreIndex && u32(target_of_row) < params.V;\n}\n\n@compute @workgroup_size(LANES)\nfn rows(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(row, params.rows, params.V, 1u, lane);\n  var exps = no_exps();\n  var totals = Floats(0);   // of the logits, for the smoothing\n  for (var i = own.first; i < own.fours; i += 4u * STEP) {\n    let a = Floats(logits[i]);\n    let b = Floats(logits[i + STEP]);\n    let c = Floats(logits[i + 2u * STEP]);\n    let d = Floats(logits[i + 3u * STEP]);\n    exps = add_four_exps(exps, a, b, c, d);\n    totals += (a + b) + (c + d);\n  }\n  for (var i = own.fours; i < own.end; i += STEP) {\n    exps = add_exp(exps, Floats(logits[i]));\n    totals += Floats(logits[i]);\n  }\n  let found = row_exps(exps, lane);\n  let mean = row_sum(sum_of(vec4f(totals)), lane) / f32(params.V);\n  let row_top = found.x;\n  let row_log = log_safe(found.y);\n  if (row >= params.rows || (!ROW_PER_THREAD && lane > 0u)) { return; }\n\n  let at = params.firstRow + row;\n  let label = targets[at];\n  lse[at] = vec2f(row_top, row_log);\n  losses[at] = 0f;\n  var not_a_number = 0x7fc00000u;   // as bits: the compiler may assume that arithmetic gives none\n  if (counts(label)) {\n    if (is_nan(mean) || !is_finite(row_top)) {\n      losses[at] = bitcast<f32>(not_a_number);\n    } else if (row_top > LOWEST) {\n      let s = params.labelSmoothing;\n      let i = row * params.V + u32(label);\n      let logit = max(vec4f(logits[i / FLOATS])[i % FLOATS], LOWEST);\n      var value = (1f - s) * (row_log + (row_top - logit));\n      if (s > 0f) { value += s * (row_log + (row_top - mean)); }\n      losses[at] = value;\n    }\n  } else if (i32(label) != params.ignoreIndex && fault[0] == 0u) {\n    fault[0] = params.fault;\n  }\n}\n\n// One workgroup.\n@compute @workgroup_size(LANES)\nfn reduce(@builtin(local_invocation_index) lane: u32) {\n  var sum = 0f;\n  var counted = 0f;\n  for (var row = lane; row < params.rows; row += LANES) {\n    sum += row_losses[row];\n    counted += select(0f, 1f, counts(targets[row]));\n  }\n  let total = workgroup_sum(sum, lane);\n  let count = workgroup_sum(counted, lane);\n  let factor = select(1f, 1f / max(count, 1f), params.isMean == 1u);\n  if (lane == 0u) {\n    loss[0] = total * factor;\n    weight[0] = factor;\n  }\n}\n\n/// Of the row that backward works on.\nstruct Slope { top: f32, log_sum: f32, scale: f32, target_at: u32 }\n\nfn store_slope(row: Slope, i: u32) {\n  let smooth_part = params.labelSmoothing / f32(params.V);\n  let from_target = Floats(f32(i32(FLOATS * i - row.target_at))) + PLACES;\n  let less = Floats(smooth_part) + select(Floats(0), Floats(1f - params.labelSmoothing), from_target == Floats(0));\n  dlogits[i] = Element(row.scale * (exp_nonpositive((Floats(logits[i]) - row.top) - row.log_sum) - less));\n}\n\n@compute @workgroup_size(LANES)\nfn backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  if (row >= params.rows) { return; }\n  let own = part_of_row(row, params.rows, params.V, 1u, lane);\n  let at = params.firstRow + row;\n  let label = targets[at];\n  let parts = saved_lse[at];\n  let matters = counts(label) && parts.x > LOWEST;\n  let scale = select(0f, saved_weight[0] * dy[at * params.dyStride], matters);\n  let slope = Slope(parts.x, parts.y, scale, row * params.V + u32(label));\n  for (var i = own.first; i < own.fours; i += 4u * STEP) {\n    store_slope(slope, i);\n    store_slope(slope, i + STEP);\n    store_slope(slope, i + 2u * STEP);\n    store_slope(slope, i + 3u * STEP);\n  }\n  for (var i = own.fours; i < own.end; i += STEP) { store_slope(slope, i); }\n}\n";

// src/ops/cross_entropy.ts
init_errors();
var kernel11 = kernelFile("cross_entropy", cross_entropy_default);
function crossEntropy(logits, targets, { ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" } = {}) {
  expectDType("crossEntropy", "logits", logits, "f32", "f16");
  expectDType("crossEntropy", "targets", targets, "i32", "u32");
  const V = checkShapes(logits, targets);
  checkSmoothing("crossEntropy", labelSmoothing);
  const settings2 = { V, ignoreIndex, labelSmoothing };
  const { losses, lse } = rowLosses(logits, targets, settings2);
  const { loss, weight } = reduction === "none" ? { loss: losses, weight: full(logits.runtime, [1], 1, "f32") } : weightedSum(losses, targets, settings2, reduction === "mean");
  record({
    name: "crossEntropy",
    inputs: [logits],
    output: loss,
    saved: [logits, targets, lse, weight],
    backward: null,
    fused: (dy, [logits2, targets2, lse2, weight2]) => [
      gradient(logits2, { targets: targets2, lse: lse2, dy, weight: weight2 }, settings2)
    ]
  });
  for (const temporary of [losses, lse, weight]) if (temporary !== loss) temporary.dispose();
  return loss;
}
var UNUSED = { rows: 0, firstRow: 0, isMean: 0, dyStride: 0, fault: 0 };
function allocateLosses(targets) {
  return {
    losses: allocate(targets.runtime, targets.shape, "f32"),
    lse: allocate(targets.runtime, [targets.size, 2], "f32")
  };
}
function blockLosses(op, { view: logits, first, count: count2 }, targets, { losses, lse }, settings2) {
  const { workgroups, constants: constants3 } = rowVectorsAlong(op, logits, 1);
  launch(kernel11, "rows", {
    inputs: [logits, targets],
    outputs: [losses, lse],
    params: { ...UNUSED, ...settings2, rows: count2, firstRow: first },
    constants: { Target: targets.dtype, ...constants3 },
    workgroups,
    flops: 16 * logits.size,
    fault: `${op}: a target is out of range [0, ${settings2.V})`
  });
}
function rowLosses(logits, targets, settings2) {
  const found = allocateLosses(targets);
  const dense = logits.runtime.dense(logits);
  for (const block of rowBlocks(dense)) {
    blockLosses("crossEntropy", block, targets, found, settings2);
    block.view.dispose();
  }
  if (dense !== logits) dense.dispose();
  return found;
}
function weightedSum(losses, targets, settings2, isMean) {
  const { runtime } = losses;
  const weight = allocate(runtime, [1], "f32");
  if (losses.size === 0) return { loss: full(runtime, [], 0, "f32"), weight };
  const loss = allocate(runtime, [], "f32");
  launch(kernel11, "reduce", {
    inputs: [losses, targets],
    outputs: [loss, weight],
    params: { ...UNUSED, ...settings2, rows: losses.size, isMean: isMean ? 1 : 0 },
    constants: { Target: targets.dtype },
    workgroups: 1,
    flops: losses.size
  });
  return { loss, weight };
}
function blockGradient(dlogits, { view: logits, first, count: count2 }, { targets, lse, dy, weight }, settings2) {
  const { workgroups, constants: constants3 } = rowVectorsAlong("crossEntropy", logits, 1);
  launch(kernel11, "backward", {
    inputs: [logits, targets, lse, dy, weight],
    outputs: [dlogits],
    params: { ...UNUSED, ...settings2, rows: count2, firstRow: first, dyStride: dy.size > 1 ? 1 : 0 },
    constants: { Target: targets.dtype, ...constants3 },
    workgroups,
    flops: 16 * logits.size
  });
}
function gradient(logits, upstream, settings2) {
  const dlogits = allocate(logits.runtime, logits.shape, logits.dtype);
  const dense = logits.runtime.dense(logits);
  const blocks = rowBlocks(dense);
  for (const [i, { view }] of rowBlocks(dlogits).entries()) {
    blockGradient(view, blocks[i], upstream, settings2);
    view.dispose();
    blocks[i].view.dispose();
  }
  if (dense !== logits) dense.dispose();
  return dlogits;
}
function checkSmoothing(op, labelSmoothing) {
  if (labelSmoothing >= 0 && labelSmoothing <= 1) return;
  throw new ConfigError(`${op}: labelSmoothing is ${labelSmoothing}, expected 0 to 1`);
}
function checkShapes(logits, targets) {
  const V = logits.shape.at(-1) ?? 0;
  if (V > 0 && sameShape(logits.shape.slice(0, -1), targets.shape)) return V;
  throw new ShapeError(
    `crossEntropy: logits are ${format(logits.shape)} and targets ${format(targets.shape)}; expected [..., V] with V > 0, and [...]`
  );
}

// src/text/loader.ts
var IGNORED_TARGET = -100;

// src/llm/batch.ts
function partsOf(batch) {
  return Object.entries(batch);
}
function mapBatch(batch, of) {
  const entries = partsOf(batch).map(([name, values]) => [name, of(values, name)]);
  return Object.fromEntries(entries);
}
function shapeOf(name, values, rows2) {
  return name === "documents" ? [rows2, values.length / rows2 / 2, 2] : [rows2, values.length / rows2];
}

// src/llm/evaluate.ts
async function evaluateRows(device2, lossOf2, all, { batch, count: count2 }) {
  let total = device2.zeros([]);
  for (let row = 0; row < count2; row += batch) {
    const rows2 = Math.min(batch, count2 - row);
    const next = device2.scope(
      () => noGrad(() => {
        const inputs = mapBatch(all, (values, name) => {
          const width = values.length / count2;
          const part = values.subarray(row * width, (row + rows2) * width);
          return device2.tensor(part, { shape: shapeOf(name, part, rows2) });
        });
        return add(total, lossOf2(inputs));
      })
    );
    total.dispose();
    total = next;
    device2.submit();
  }
  const sum2 = await total.item();
  total.dispose();
  return sum2 / all.targets.reduce((n, target2) => n + (target2 === IGNORED_TARGET ? 0 : 1), 0);
}

// src/llm/finetune_settings.ts
var FINETUNE_DEFAULTS = {
  seed: 1337,
  // What is trained
  method: "lora",
  rank: 8,
  alpha: 16,
  rankStabilised: false,
  loraDropout: 0,
  targets: ["query", "value"],
  /** Of the method lastK. */
  lastLayers: 1,
  /** Width of the middle, of the method adapter. */
  bottleneck: 16,
  /** What the model's own matrices are kept in where they are not trained. */
  weights: "stored",
  // The data
  template: "lines",
  /** The last part of the examples, held out. */
  validation: 0.1,
  // The optimisation
  /** As TRL. */
  epochs: 3,
  /** Null: what the epochs take. */
  steps: null,
  batch: 8,
  accumulate: 1,
  /** Null: 1e-4 where the model's own matrices are trained, 1e-3 else (LoRA wants about ten times the rate). */
  learningRate: null,
  /** Share of the steps in which the rate rises; after that it falls to a tenth by a cosine. */
  warmup: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  gradClip: 1,
  // What is measured, and when
  evaluateEvery: 50,
  checkpointEvery: 100,
  logEvery: 10
};
var FINETUNE_CHECKS = {
  seed: nonNegativeInteger,
  method: oneOf("full", "lastK", "bitfit", "adapter", "lora"),
  rank: positiveInteger,
  alpha: positive,
  loraDropout: between(0, 0.9),
  lastLayers: nonNegativeInteger,
  bottleneck: positiveInteger,
  weights: oneOf("stored", "8bit"),
  template: oneOf(...CHAT_TEMPLATES),
  validation: between(0, 0.9),
  epochs: positive,
  steps: nullOr(positiveInteger),
  batch: positiveInteger,
  accumulate: positiveInteger,
  learningRate: nullOr(positive),
  warmup: between(0, 0.5),
  beta1: between(0, 1),
  beta2: between(0, 1),
  eps: positive,
  weightDecay: nonNegative,
  gradClip: nonNegative,
  evaluateEvery: positiveInteger,
  checkpointEvery: positiveInteger,
  logEvery: positiveInteger
};
var FINETUNE_HELP = {
  seed: "of new parameters, the order of examples, and dropout",
  method: "full, lastK, bitfit, adapter (bottlenecks) or lora",
  rank: "of lora",
  alpha: "of lora: the update is scaled by alpha / rank",
  rankStabilised: "of lora: by alpha over the root of the rank instead: true or false",
  loraDropout: "of lora: share of its inputs that are zeroed while training",
  targets: "of lora: ends of the names of linear layers, * for any characters",
  lastLayers: "of lastK: blocks that are trained, besides the last norm and the head",
  bottleneck: "of adapter: width of the middle",
  weights: "of lora and adapter: the model's own matrices as stored, or rounded to 8bit",
  template: `how messages become text: ${CHAT_TEMPLATES.join(", ")}`,
  validation: "part of the examples, at their end, that is held out",
  epochs: "times that every example is seen",
  steps: "of training; null: by the epochs",
  batch: "examples per step",
  accumulate: "parts of the batch, computed one after another: less memory",
  learningRate: "highest; null: 1e-4 for full and lastK, 1e-3 for the others",
  warmup: "share of the steps in which the rate rises",
  beta1: "of AdamW: decay of the gradient's mean",
  beta2: "of AdamW: decay of its square's mean",
  eps: "of AdamW: added to the root of that mean",
  weightDecay: "of matrices, not of norms and biases",
  gradClip: "largest norm of the gradient; 0: no limit",
  evaluateEvery: "steps from one evaluation to the next",
  checkpointEvery: "steps from one checkpoint to the next",
  logEvery: "steps, at most, between reports of the loss"
};
function methodOf(settings2) {
  const { method: kind, rank, alpha, rankStabilised, loraDropout: dropout2, targets } = settings2;
  if (kind === "lora") return { kind, rank, alpha, rankStabilised, dropout: dropout2, targets };
  if (kind === "lastK") return { kind, layers: settings2.lastLayers };
  if (kind === "adapter") return { kind, size: settings2.bottleneck };
  return { kind };
}
function stepSettings(settings2, examples) {
  const { method, epochs, batch, warmup } = settings2;
  const steps = settings2.steps ?? Math.max(1, Math.ceil(epochs * examples / batch));
  const learningRate = settings2.learningRate ?? (method === "full" || method === "lastK" ? 1e-4 : 1e-3);
  return {
    ...settings2,
    steps,
    learningRate,
    minLearningRate: learningRate / 10,
    warmupSteps: Math.floor(warmup * steps),
    decaySteps: null
  };
}

// src/llm/supervised.ts
init_errors();
function encodeExample(segments, place2, { tokenizer, context }) {
  const parts = segments.map((segment) => ({
    ids: encodeSegment(tokenizer, segment, { place: place2 }),
    counted: segment.counted
  }));
  const ids = Int32Array.from(parts.flatMap(({ ids: ids2 }) => [...ids2]));
  const counted = parts.flatMap(({ ids: ids2, counted: counted2 }) => Array(ids2.length).fill(counted2));
  const prompt = counted.indexOf(true);
  if (prompt < 0)
    throw new DataError(`${place2}: nothing for the model to learn: no assistant's message`);
  if (prompt === 0)
    throw new DataError(`${place2}: the prompt is empty; nothing precedes the completion`);
  if (prompt > context) {
    throw new DataError(
      `${place2}: the prompt has ${prompt} tokens, the model's context is ${context}; shorten it`
    );
  }
  if (ids.length > context + 1) {
    throw new DataError(
      `${place2}: prompt and completion have ${ids.length} tokens, and ${context + 1} fit the model's context of ${context}; shorten them`
    );
  }
  return { place: place2, ids, counted };
}
function encodeSegment(tokenizer, { text, mark: mark2 }, { place: place2, specials = "refuse" }) {
  const special = mark2 ? text.match(/<\|[^|]+\|>/g) ?? [] : [];
  const missing = special.find((each) => !tokenizer.specials.has(each));
  if (missing)
    throw new DataError(
      `${place2}: the template needs the token ${missing}, and the tokenizer has none`
    );
  try {
    return tokenizer.encode(text, { specials: mark2 ? "allow" : specials });
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw new DataError(`${place2}: ${cause.message}`, { cause });
  }
}
function longest(examples) {
  return examples.reduce((most, { ids }) => Math.max(most, ids.length - 1), 0);
}
function countedIn(examples) {
  return examples.reduce((sum2, { counted }) => sum2 + counted.filter((each) => each).length, 0);
}
function padded(examples, length) {
  const rows2 = new Int32Array(examples.length * length);
  const targets = new Int32Array(examples.length * length).fill(IGNORED_TARGET);
  for (const [row, { ids, counted }] of examples.entries()) {
    rows2.set(ids.subarray(0, -1), row * length);
    for (let i = 1; i < ids.length; i++) if (counted[i]) targets[row * length + i - 1] = ids[i];
  }
  return { ids: rows2, targets };
}
var STREAM = 1936094240;
function exampleBatches(examples, { seed, batch }) {
  let shuffled2 = { epoch: -1, order: new Uint32Array() };
  const orderOf = (epoch) => {
    if (shuffled2.epoch !== epoch) {
      const order = Uint32Array.from(examples, (_, i) => i);
      shuffled2 = { epoch, order: randomStream(seed, STREAM, { step: epoch }).shuffle(order) };
    }
    return shuffled2.order;
  };
  return (step) => Array.from({ length: batch }, (_, i) => {
    const at = step * batch + i;
    const order = orderOf(Math.floor(at / examples.length));
    return examples[order[at % examples.length]];
  });
}

// src/llm/tuner.ts
init_errors();

// src/llm/steps.ts
init_errors();

// src/io/training_state.ts
async function trainingState(own, optimizer) {
  const moments = optimizer.state().tensors;
  const tensors = /* @__PURE__ */ new Map();
  for (const [name, x2] of [...own, ...moments])
    tensors.set(name, { dtype: "f32", shape: x2.shape, data: await x2.data() });
  for (const x2 of moments.values()) x2.dispose();
  return tensors;
}
function restoreTraining(own, optimizer, { step, tensors }) {
  const values = [...tensors].map(
    ([name, x2]) => [name, { shape: x2.shape, data: x2.data }]
  );
  loadTensors(own, new Map(values));
  const data2 = new Map(values.map(([name, { data: data3 }]) => [name, data3]));
  optimizer.loadState({ step, tensors: data2 });
}

// kernels/adamw.wgsl
var adamw_default = "// AdamW on a slab of parameters (Loshchilov and Hutter 2019), as PyTorch computes it. Element by element, at step t:\n//   g = scale dp\n//   m \u2190 \u03B2\u2081 m + (1 - \u03B2\u2081) g        v \u2190 \u03B2\u2082 v + (1 - \u03B2\u2082) g\xB2\n//   p \u2190 p - lr \u03BB p - lr / (1 - \u03B2\u2081^t) \xB7 m / (sqrt(v) / sqrt(1 - \u03B2\u2082^t) + \u03B5)\n// A thread owns vectors of four neighbours. What changes from step to step is read from memory, for replay.\n\nstruct Params {\n  quads: u32,           // elements / 4\n  beta1: f32,\n  beta2: f32,\n  complement1: f32,     // 1 - \u03B2\u2081, rounded once: in f32, 1 - 0.999 is off by 5e-5\n  complement2: f32,\n  eps: f32,\n  weightDecay: f32,     // \u03BB\n  zeroGrad: u32,        // 1: leave dp = 0 for the next step\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\nstruct StepState {\n  lr: f32,\n  stepSize: f32,        // lr / (1 - \u03B2\u2081^t)\n  rootCorrection: f32,  // 1 / sqrt(1 - \u03B2\u2082^t)\n}\n\n@group(0) @binding(0) var<storage, read> state: StepState;\n@group(0) @binding(1) var<storage, read> clip: vec2f;                // norm and scale of the gradients\n@group(0) @binding(2) var<storage, read_write> p: array<vec4f>;\n@group(0) @binding(3) var<storage, read_write> dp: array<vec4f>;\n@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;\n@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;\n\n@compute @workgroup_size(SPAN_THREADS)\nfn step(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.quads);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    // Scale 0 stands for a norm that is not finite: 0 times such a gradient would be NaN.\n    let g = select(vec4f(0.0), dp[i] * clip.y, clip.y > 0.0);\n    let first = params.beta1 * m[i] + params.complement1 * g;\n    let second = params.beta2 * v[i] + params.complement2 * g * g;\n    let update = first / (sqrt(second) * state.rootCorrection + params.eps);\n    p[i] = p[i] - state.lr * params.weightDecay * p[i] - state.stepSize * update;\n    m[i] = first;\n    v[i] = second;\n    if (params.zeroGrad == 1u) { dp[i] = vec4f(0.0); }\n  }\n}\n";

// src/ops/adamw.ts
var kernel12 = kernelFile("adamw", adamw_default);
function adamwStep(slab, { stepState, clip, zeroGrad, ...settings2 }) {
  const { beta1, beta2 } = settings2;
  eachRange([slab.parameters, slab.gradients, slab.m, slab.v], (outputs) => {
    const quads = outputs[0].size / 4;
    launch(kernel12, "step", {
      inputs: [stepState, clip],
      outputs,
      params: {
        ...settings2,
        quads,
        complement1: 1 - beta1,
        complement2: 1 - beta2,
        zeroGrad: Number(zeroGrad)
      },
      ...spansOf(outputs[0].runtime, quads, 4),
      flops: 16 * 4 * quads
    });
  });
}

// src/optim/optimizer.ts
init_errors();

// src/optim/slabs.ts
init_errors();
var ALIGN2 = 64;
var Slabs = class {
  /**
   * Moves the trainable ones among `parameters` into slabs; the others are left alone. A gradient that a parameter
   * already has is kept. Views made of a parameter before still show the old memory.
   * @throws ConfigError when none is trainable, or two have one name.
   */
  constructor(owner, parameters, weightDecay = 0) {
    this.owner = owner;
    const entries = trainable(owner, parameters, weightDecay);
    const bytes = entries[0].parameter.runtime.gpu.limits.maxStorageBufferBindingSize;
    const plan = pack(entries, Math.floor(bytes / (4 * ALIGN2)) * ALIGN2);
    this.slabs = plan.map((slices) => makeSlab(slices));
    this.slots = plan.flatMap(
      (slices, slab) => slices.map(({ entry, offset }) => ({
        name: entry.name,
        parameter: entry.parameter,
        slab,
        offset,
        gradient: move(entry.parameter, this.slabs[slab], offset)
      }))
    );
    this.gatherGradients();
  }
  owner;
  slabs;
  slots;
  /** One tensor of zeros like each slab: an optimiser's own state. */
  zerosLike() {
    return this.slabs.map(({ parameters }) => zeros(parameters.runtime, parameters.size));
  }
  /**
   * Brings gradients that were set from outside into the slabs; a parameter without one has gradient 0.
   * @throws TensorError when a parameter was moved since, by a second optimiser.
   */
  gatherGradients() {
    for (const slot of this.slots) {
      const { parameter, gradient: gradient2 } = slot;
      const { parameters } = this.slabs[slot.slab];
      if (parameter.storage !== parameters.storage || parameter.offset !== slot.offset) {
        throw new TensorError(
          `${this.owner}: parameter "${slot.name}" was moved by another optimizer; a parameter belongs to the last one made for it`
        );
      }
      if (parameter.grad === gradient2 && !gradient2.disposed) continue;
      const own = this.gradientOf(slot);
      if (parameter.grad && !parameter.grad.disposed) copyFlat(own, parameter.grad);
      else clear(own);
      parameter.grad?.dispose();
      parameter.grad = own;
    }
  }
  /** Sets all gradients to 0. */
  zeroGradients() {
    for (const { gradients: gradients2 } of this.slabs) clear(gradients2);
    for (const slot of this.slots) {
      const { parameter } = slot;
      if (parameter.grad !== slot.gradient) parameter.grad?.dispose();
      parameter.grad = this.gradientOf(slot);
    }
  }
  /** The slice of the gradients, made anew if it was disposed. */
  gradientOf(slot) {
    if (slot.gradient.disposed) {
      slot.gradient = slice2(this.slabs[slot.slab].gradients, slot.parameter, slot.offset);
    }
    return slot.gradient;
  }
  /** Each parameter's slice of tensors like the slabs, under its name. */
  *slices(tensors) {
    for (const { name, parameter, slab, offset } of this.slots) {
      const { shape } = parameter;
      yield [name, tensors[slab].alias(shape, denseStrides(shape), offset)];
    }
  }
  /** Gives the slabs back, and with them the gradients; parameters keep the memory that they still use. */
  dispose() {
    for (const { parameter, gradient: gradient2 } of this.slots) {
      if (parameter.grad === gradient2) parameter.grad = null;
      gradient2.dispose();
    }
    for (const { parameters, gradients: gradients2 } of this.slabs) {
      parameters.dispose();
      gradients2.dispose();
    }
  }
};
function zeros(runtime, length) {
  const x2 = kept(allocate(runtime, [length], "f32"));
  clear(x2);
  return x2;
}
function clear(x2) {
  var _stack = [];
  try {
    const flat = __using(_stack, x2.alias([x2.size], [1], x2.offset));
    eachRange([flat], ([range]) => fill(range, 0));
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function copyFlat(y, x2) {
  var _stack = [];
  try {
    if (!x2.isDense) {
      copyInto(y, x2);
      return;
    }
    const to = __using(_stack, y.alias([y.size], [1], y.offset));
    const from = __using(_stack, x2.alias([x2.size], [1], x2.offset));
    eachRange([to, from], ([target2, source]) => copyInto(target2, source));
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function kept(x2) {
  x2.kept = true;
  return x2;
}
function trainable(owner, parameters, weightDecay) {
  const entries = /* @__PURE__ */ new Map();
  const names = /* @__PURE__ */ new Set();
  const add2 = (item, decay) => {
    const [given, parameter] = isPair(item) ? item : [null, item];
    if (!parameter.requiresGrad || entries.has(parameter)) return;
    const name = given ?? String(entries.size);
    if (names.has(name)) throw new ConfigError(`${owner}: two parameters have the name "${name}"`);
    checkParameter(owner, name, parameter);
    names.add(name);
    entries.set(parameter, { name, parameter, weightDecay: decay });
  };
  for (const item of parameters) {
    if ("parameters" in item) {
      for (const inner of item.parameters) add2(inner, item.weightDecay ?? weightDecay);
    } else add2(item, weightDecay);
  }
  if (entries.size === 0) {
    throw new ConfigError(
      `${owner}: none of the parameters is trainable; call requireGrad() on them`
    );
  }
  return [...entries.values()];
}
var isPair = (item) => Array.isArray(item);
function checkParameter(owner, name, { edge, dtype, shape, isDense: isDense2 }) {
  if (edge && !("leaf" in edge)) {
    throw new TensorError(`${owner}: parameter "${name}" was computed from others; optimise those`);
  }
  if (dtype !== "f32") {
    throw new DTypeError(`${owner}: parameter "${name}" is ${dtype}; trainable parameters are f32`);
  }
  if (!isDense2) {
    throw new ShapeError(
      `${owner}: parameter "${name}" of shape ${format(shape)} is not row-major`
    );
  }
}
function pack(entries, capacity) {
  const plan = [];
  for (const entry of entries) {
    const length = padded2(entry.parameter.size);
    const fits = plan.find(
      ({ decay, end }) => decay === entry.weightDecay && end + length <= capacity
    );
    if (fits) {
      fits.slices.push({ entry, offset: fits.end });
      fits.end += length;
    } else {
      plan.push({ decay: entry.weightDecay, end: length, slices: [{ entry, offset: 0 }] });
    }
  }
  return plan.map(({ slices }) => slices);
}
var padded2 = (size) => Math.ceil(size / ALIGN2) * ALIGN2;
function makeSlab(slices) {
  const { entry, offset } = slices.at(-1);
  const { runtime, size } = entry.parameter;
  const length = offset + padded2(size);
  return {
    parameters: zeros(runtime, length),
    gradients: zeros(runtime, length),
    weightDecay: entry.weightDecay
  };
}
function move(parameter, { parameters, gradients: gradients2 }, offset) {
  var _stack = [];
  try {
    const place2 = __using(_stack, parameters.alias(parameter.shape, denseStrides(parameter.shape), offset));
    copyFlat(place2, parameter);
    parameter.rebind(parameters.storage, offset);
    return slice2(gradients2, parameter, offset);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function slice2(gradients2, { shape }, offset) {
  return kept(gradients2.alias(shape, denseStrides(shape), offset));
}

// src/optim/state.ts
init_errors();
function exportState(slabs, moments) {
  const tensors = /* @__PURE__ */ new Map();
  for (const [what, like] of Object.entries(moments)) {
    for (const [name, slice3] of slabs.slices(like)) tensors.set(`${name}.${what}`, slice3);
  }
  return tensors;
}
function importState(slabs, moments, { step, tensors }) {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new CheckpointError(
      `${slabs.owner}: the step is ${step}, expected a whole number from 0 on`
    );
  }
  const own = exportState(slabs, moments);
  for (const [name, slice3] of own) {
    const saved = tensors.get(name);
    if (!saved) throw new CheckpointError(`${slabs.owner}: the state has no "${name}"`);
    const fits = saved instanceof Tensor ? sameShape(saved.shape, slice3.shape) : saved.length === slice3.size;
    if (!fits) {
      const size = saved instanceof Tensor ? `[${saved.shape}]` : `${saved.length} values`;
      throw new CheckpointError(
        `${slabs.owner}: "${name}" has ${size}, its parameter [${slice3.shape}]; the checkpoint is of another model`
      );
    }
  }
  for (const [name, slice3] of own) {
    const saved = tensors.get(name);
    if (saved instanceof Tensor) copyInto(slice3, saved);
    else slice3.write(saved);
    slice3.dispose();
  }
}

// src/optim/optimizer.ts
var Optimizer = class {
  /** Where its parameters are. Internal. */
  slabs;
  rate = 0;
  steps = 0;
  /** What changes from step to step, where a replayed step finds it. */
  stepState;
  unclipped;
  clip = null;
  /** `stepValues` tells how many values the method of that name gives. */
  constructor(name, parameters, { lr, weightDecay, stepValues }) {
    this.slabs = new Slabs(name, parameters, weightDecay);
    this.lr = lr;
    const { runtime } = this.slabs.slabs[0].parameters;
    this.stepState = kept(full(runtime, [stepValues], 0, "f32"));
    this.unclipped = kept(full(runtime, [2], 1, "f32"));
  }
  /** Learning rate of the next step. @throws ConfigError unless it is 0 or more. */
  get lr() {
    return this.rate;
  }
  set lr(lr) {
    expectAtLeast0(this.slabs.owner, { lr });
    this.rate = lr;
  }
  /** Updates the parameters with their gradients, and forgets the clipping. */
  step(options = {}) {
    this.advance();
    this.apply(options);
  }
  /**
   * The first half of `step`: counts it, and writes the learning rate and all else that changes to the device.
   * A captured step captures `apply` alone, and each replay follows an `advance`.
   */
  advance() {
    if (this.stepState.runtime.gpu.isWarmingUp) {
      throw new ConfigError(
        `${this.slabs.owner}: step() cannot be part of a warm-up, it would count`
      );
    }
    this.steps++;
    this.stepState.write(this.stepValues(this.steps));
  }
  /** The second half of `step`: the update. */
  apply({ zeroGrad = false } = {}) {
    this.slabs.gatherGradients();
    const { stepState, clip, unclipped } = this;
    for (const [i, slab] of this.slabs.slabs.entries()) {
      this.updateSlab(i, slab, { stepState, clip: clip ?? unclipped, zeroGrad });
    }
    clip?.dispose();
    this.clip = null;
  }
  /** Sets all gradients to 0. */
  zeroGrad() {
    this.slabs.zeroGradients();
  }
  /** The gradients of all parameters, flat, with zeros between. */
  gradients() {
    this.slabs.gatherGradients();
    return this.slabs.slabs.map(({ gradients: gradients2 }) => gradients2);
  }
  clipNextStep(clip) {
    this.clip?.dispose();
    this.clip = clip;
  }
  /** For a checkpoint. The tensors are views: read them before the next step. */
  state() {
    return { step: this.steps, tensors: exportState(this.slabs, this.moments) };
  }
  /** Goes on where the saved state was, bit for bit. @throws CheckpointError when it is of other parameters. */
  loadState(saved) {
    importState(this.slabs, this.moments, saved);
    this.steps = saved.step;
  }
  /** Gives the optimiser's memory back. Parameters stay usable. */
  dispose() {
    for (const x2 of Object.values(this.moments).flat()) x2.dispose();
    for (const x2 of [this.stepState, this.unclipped]) x2.dispose();
    this.clip?.dispose();
    this.slabs.dispose();
  }
  [Symbol.dispose]() {
    this.dispose();
  }
};
function expectAtLeast0(owner, settings2) {
  for (const [name, value] of Object.entries(settings2)) {
    if (!(value >= 0)) throw new ConfigError(`${owner}: ${name} is ${value}, expected 0 or more`);
  }
}
function expectBelow1(owner, settings2) {
  expectAtLeast0(owner, settings2);
  for (const [name, value] of Object.entries(settings2)) {
    if (value >= 1) throw new ConfigError(`${owner}: ${name} is ${value}, expected less than 1`);
  }
}

// src/optim/adamw.ts
var AdamW = class extends Optimizer {
  moments;
  settings;
  /** @throws ConfigError for a setting out of its range, or when no parameter is trainable. */
  constructor(parameters, { lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0.01 } = {}) {
    expectAtLeast0("AdamW", { lr, eps, weightDecay });
    expectBelow1("AdamW", { beta1, beta2 });
    super("AdamW", parameters, { lr, weightDecay, stepValues: 3 });
    this.settings = { beta1, beta2, eps };
    this.moments = { m: this.slabs.zerosLike(), v: this.slabs.zerosLike() };
  }
  stepValues(t2) {
    const { beta1, beta2 } = this.settings;
    return [this.lr, this.lr / (1 - beta1 ** t2), 1 / Math.sqrt(1 - beta2 ** t2)];
  }
  updateSlab(index, slab, update) {
    const { parameters, gradients: gradients2, weightDecay } = slab;
    const [m, v] = [this.moments.m[index], this.moments.v[index]];
    adamwStep({ parameters, gradients: gradients2, m, v }, { ...this.settings, ...update, weightDecay });
  }
};

// src/optim/clip.ts
init_errors();

// kernels/grad_norm.wgsl
var grad_norm_default = "// The global norm of gradients, and the scale that clips it:\n//   norm = sqrt(\u03A3 x\xB2) over all tensors        scale = min(1, maxNorm / (norm + 1e-6)), as PyTorch\n// squares    one partial sum per workgroup, launched once per tensor; the partials of all tensors stand in one list\n// finish     one workgroup adds the list\n// rescale    x \u2190 scale x\n// Two stages in fixed order: the same bits on every run.\n\nstruct Params {\n  size: u32,        // elements of x\n  groups: u32,      // workgroups of squares\n  at: u32,          // squares: where this tensor's partials begin; rescale: where x begins\n  partials: u32,    // of all tensors\n  maxNorm: f32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<f32>;\n@group(0) @binding(1) var<storage, read_write> partials: array<f32>;\n\n@group(0) @binding(0) var<storage, read> all_partials: array<f32>;\n@group(0) @binding(1) var<storage, read_write> clip: vec2f;            // norm, scale\n\n@group(0) @binding(0) var<storage, read> applied_clip: vec2f;\n@group(0) @binding(1) var<storage, read_write> scaled: array<f32>;\n\n@compute @workgroup_size(LANES)\nfn squares(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {\n  var total = 0f;\n  for (var i = group.x * LANES + lane; i < params.size; i += params.groups * LANES) { total += x[i] * x[i]; }\n  total = workgroup_sum(total, lane);\n  if (lane == 0u) { partials[params.at + group.x] = total; }\n}\n\n@compute @workgroup_size(LANES)\nfn finish(@builtin(local_invocation_index) lane: u32) {\n  var total = 0f;\n  for (var i = lane; i < params.partials; i += LANES) { total += all_partials[i]; }\n  total = workgroup_sum(total, lane);\n  if (lane != 0u) { return; }\n  let norm = sqrt_precise(total);\n  let scale = min(1.0, params.maxNorm / (norm + 1e-6));\n  // Gradients that overflowed or are NaN count as 0: see the optimisers.\n  clip = vec2f(select(total, norm, is_finite(total)), select(0.0, scale, is_finite(total)));\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn rescale(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  let scale = applied_clip.y;\n  for (var i = params.at + span.first; i < params.at + span.end; i += SPAN_THREADS) {\n    scaled[i] = select(0.0, scale * scaled[i], scale > 0.0);\n  }\n}\n";

// src/ops/grad_norm.ts
init_errors();
var kernel13 = kernelFile("grad_norm", grad_norm_default);
var MAX_GROUPS = 256;
function gradNorm(gradients2, maxNorm) {
  const { runtime } = gradients2[0];
  const flat = [];
  for (const x2 of gradients2) {
    expectDType("gradNorm", "a gradient", x2, "f32");
    const dense = runtime.dense(x2);
    const row = dense.alias([x2.size], [1], dense.offset);
    if (dense !== x2) dense.dispose();
    flat.push(row);
  }
  const { partials, count: count2 } = partialSums(flat);
  const clip = allocate(runtime, [2], "f32");
  launch(kernel13, "finish", {
    inputs: [partials],
    outputs: [clip],
    params: { size: 0, groups: 0, at: 0, partials: count2, maxNorm },
    workgroups: 1,
    flops: count2
  });
  for (const x2 of [...flat, partials]) x2.dispose();
  return clip;
}
function rescale(gradients2, clip) {
  for (const gradient2 of gradients2) {
    var _stack = [];
    try {
      if (!gradient2.isDense) {
        throw new ShapeError(
          `rescale: a gradient of shape ${format(gradient2.shape)} is not row-major`
        );
      }
      const flat = __using(_stack, gradient2.alias([gradient2.size], [1], gradient2.offset));
      eachRange([flat], ([x2]) => {
        const params = { size: x2.size, groups: 0, at: bindingStart(x2), partials: 0, maxNorm: 0 };
        launch(kernel13, "rescale", {
          inputs: [clip],
          outputs: [x2],
          params,
          ...spansOf(x2.runtime, x2.size)
        });
      });
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
}
function partialSums(tensors) {
  const { runtime } = tensors[0];
  const groupsOf = (x2) => Math.min(groupsFor(x2.size), MAX_GROUPS);
  let count2 = 0;
  for (const x2 of tensors) eachRange([x2], ([range]) => count2 += groupsOf(range));
  const partials = allocate(runtime, [Math.max(1, count2)], "f32");
  let at = 0;
  for (const x2 of tensors) {
    eachRange([x2], ([range]) => {
      const groups = groupsOf(range);
      launch(kernel13, "squares", {
        inputs: [range],
        outputs: [partials],
        params: { size: range.size, groups, at, partials: 0, maxNorm: 0 },
        constants: { LANES: lanesFor(runtime) },
        workgroups: groups,
        flops: 2 * range.size
      });
      at += groups;
    });
  }
  return { partials, count: count2 };
}

// src/optim/clip.ts
function clipGradNorm(target2, maxNorm) {
  if (!(maxNorm > 0))
    throw new ConfigError(`clipGradNorm: maxNorm is ${maxNorm}, expected more than 0`);
  const optimizer = "clipNextStep" in target2 ? target2 : null;
  const gradients2 = optimizer ? optimizer.gradients() : [...target2];
  if (gradients2.length === 0) throw new ConfigError("clipGradNorm: there are no gradients");
  const clip = gradNorm(gradients2, maxNorm);
  const norm2 = clip.alias([], [], 0);
  if (optimizer) optimizer.clipNextStep(kept(clip));
  else {
    rescale(gradients2, clip);
    clip.dispose();
  }
  return norm2;
}

// src/optim/schedule.ts
init_errors();
function cosine({
  lr,
  minLr = lr / 10,
  warmupSteps = 0,
  decaySteps
}) {
  if (!(warmupSteps >= 0 && decaySteps > warmupSteps)) {
    throw new ConfigError(
      `cosine: decaySteps is ${decaySteps} and warmupSteps ${warmupSteps}; expected 0 <= warmupSteps < decaySteps`
    );
  }
  return (step) => {
    if (step < warmupSteps) return lr * (step + 1) / (warmupSteps + 1);
    const progress = Math.min(1, (step - warmupSteps) / (decaySteps - warmupSteps));
    return minLr + 0.5 * (1 + Math.cos(Math.PI * progress)) * (lr - minLr);
  };
}

// src/llm/steps.ts
var Steps = class {
  constructor(device2, options) {
    this.device = device2;
    this.options = options;
    const { settings: settings2, like, history } = options;
    const { batch, learningRate: lr, minLearningRate: minLr } = settings2;
    const { beta1, beta2, eps, weightDecay, accumulate } = settings2;
    if (batch % accumulate !== 0) {
      throw new ConfigError(`accumulate is ${accumulate}, expected a divisor of batch, ${batch}`);
    }
    const decaySteps = settings2.decaySteps ?? settings2.steps;
    const warmupSteps = Math.min(settings2.warmupSteps, Math.floor(decaySteps / 2));
    this.schedule = cosine({ lr, minLr, warmupSteps, decaySteps });
    const parameters = [...options.parameters];
    const groups = [
      { parameters: parameters.filter(([, x2]) => x2.rank >= 2), weightDecay },
      { parameters: parameters.filter(([, x2]) => x2.rank < 2), weightDecay: 0 }
    ];
    this.optimizer = new AdamW(groups, { lr, beta1, beta2, eps });
    const kept2 = (x2) => Object.assign(x2, { kept: true });
    this.inputs = mapBatch(
      like,
      (values, name) => kept2(device2.zeros(shapeOf(name, values, batch), { dtype: dtypeOf(values) }))
    );
    this.recent = kept2(device2.zeros([history]));
    this.share = kept2(device2.zeros([]));
  }
  device;
  options;
  /** Learning rate of a step. */
  schedule;
  optimizer;
  /** What a step reads. */
  inputs;
  /** Losses of the latest steps, by step modulo its length: they are read back together. */
  recent;
  /** The gradient of the step's loss with respect to the loss of one of its parts. */
  share;
  shareNow = Number.NaN;
  /** `update`, captured at the first step. */
  replayUpdate = null;
  /**
   * Step number `step`, from 0, on a batch: updates the parameters. Nothing is read back.
   * The step's loss is `share` times the sum of its parts' losses: 1 / accumulate for means, 1 / counted for sums.
   */
  step(step, batch, share) {
    for (const [name, x2] of partsOf(this.inputs)) x2.write(batch[name]);
    if (share !== this.shareNow) this.share.write([share]);
    this.shareNow = share;
    this.device.beginStep(this.options.settings.seed, step);
    this.optimizer.lr = this.schedule(step);
    this.optimizer.advance();
    writeAt(this.recent, this.updated(), step % this.recent.size);
    this.device.submit();
  }
  /** The loss [1] of `update`, which is run by JavaScript once and replayed from then on. */
  updated() {
    if (this.replayUpdate) return this.replayUpdate();
    this.replayUpdate = this.device.capture(() => this.update());
    return this.replayUpdate.result;
  }
  /** The part of a step that is the same each time: all that differs was written to tensors before. */
  update() {
    const { loss, around = (fn) => fn() } = this.options;
    const { batch, accumulate, gradClip } = this.options.settings;
    const rows2 = batch / accumulate;
    const losses = Array.from(
      { length: accumulate },
      (_, part) => this.device.scope(() => {
        const range = { start: [part * rows2], end: [(part + 1) * rows2] };
        const inputs = mapBatch(this.inputs, (x2) => slice(x2, range));
        return around(() => {
          const found = loss(inputs);
          backward(found, { dy: this.share });
          return reshape(found, [1]);
        });
      })
    );
    if (gradClip > 0) clipGradNorm(this.optimizer, gradClip);
    this.optimizer.apply({ zeroGrad: true });
    const total = losses.length === 1 ? losses[0] : sum(stack(losses), { axis: 0 });
    return mul(total, this.share);
  }
  /** Training losses of the steps from `begin` up to but without `end`. @throws DataError for a loss that is not finite. */
  async lossesSince(begin2, end) {
    const values = await this.recent.data();
    const losses = Array.from(
      { length: end - begin2 },
      (_, i) => values[(begin2 + i) % values.length]
    );
    for (const [i, loss] of losses.entries()) requireFinite(loss, `loss of step ${begin2 + i + 1}`);
    return losses;
  }
  /** What a checkpoint needs besides the step: the given tensors, by default those that are trained, and the optimiser's. */
  state(own = this.options.parameters) {
    return trainingState(own, this.optimizer);
  }
  /** Goes on from such a state. @throws DataError or CheckpointError where it is of others. */
  restore(checkpoint2, own = this.options.parameters) {
    restoreTraining(own, this.optimizer, checkpoint2);
  }
  /** Frees what only training needs; the parameters stay. */
  dispose() {
    this.replayUpdate?.dispose();
    this.replayUpdate?.result.dispose();
    for (const [, x2] of partsOf(this.inputs)) x2.dispose();
    for (const x2 of [this.recent, this.share]) x2.dispose();
    this.optimizer.dispose();
  }
};
var dtypeOf = (values) => values instanceof Float32Array ? "f32" : "i32";
function requireFinite(loss, which) {
  if (Number.isFinite(loss)) return;
  throw new DataError(
    `training diverged: the ${which} is ${loss}; lower learningRate, or set gradClip`
  );
}
var REPORT_MILLISECONDS = 500;
async function* reports(steps, take, { from, to, every, at, signal, clock }) {
  let step = from;
  let reported = { step, time: clock() };
  let stride = 1;
  while (step < to && !signal?.aborted) {
    take(step++);
    if (step < to && !at(step) && step - reported.step < stride) continue;
    const losses = await steps.lossesSince(reported.step, step);
    const milliseconds = (clock() - reported.time) / losses.length;
    stride = Math.min(every, Math.max(1, Math.floor(REPORT_MILLISECONDS / milliseconds)));
    yield { step, losses, milliseconds };
    reported = { step, time: clock() };
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

// src/llm/run_steps.ts
async function runSteps(trained, {
  run: run4,
  steps,
  positions,
  before,
  savesBest,
  onProgress,
  signal,
  clock,
  ...every
}) {
  const evaluations = [...before];
  let step = run4?.checkpoint?.step ?? 0;
  let saved = run4?.checkpoint?.step ?? -1;
  const save = async (best) => {
    await run4?.save({ step, tensors: await trained.state(), evaluations, best });
    saved = step;
  };
  const evaluates = (step2) => step2 % every.evaluateEvery === 0 || step2 === steps;
  const checkpoints = (step2) => step2 % every.checkpointEvery === 0 || step2 === steps;
  for await (const report of reports(trained, (step2) => trained.step(step2), {
    from: step,
    to: steps,
    every: every.logEvery,
    at: (step2) => evaluates(step2) || checkpoints(step2),
    signal,
    clock
  })) {
    step = report.step;
    const { losses, milliseconds } = report;
    const measured = evaluates(step) ? await trained.evaluate() : null;
    const evaluation = measured ? { step, ...measured } : void 0;
    const progress = {
      step,
      steps,
      losses,
      learningRate: trained.learningRate(step - 1),
      tokensPerSecond: positions * 1e3 / milliseconds,
      ...evaluation && { evaluation }
    };
    const best = savesBest && evaluation !== void 0 && evaluations.every((each) => evaluation.loss < each.loss);
    if (evaluation) evaluations.push(evaluation);
    await run4?.log(progress);
    if (run4 && (checkpoints(step) || best)) await save(best);
    await onProgress?.(progress);
  }
  if (run4 && saved < step) await save(false);
  return { step, evaluations };
}

// src/llm/trainable.ts
init_errors();

// src/nn/bottleneck.ts
var Bottleneck = class extends Module {
  /** d -> m */
  down;
  /** m -> d, zeros at first */
  up;
  /** `size` is m; default 16. */
  constructor(init, layer, { size = 16 } = {}) {
    super();
    const { outputs } = layer;
    this.down = new Linear(init, outputs, size, { bias: true });
    this.up = new Linear(init, size, outputs, { bias: true, std: 0 });
  }
  apply(layer, x2) {
    const y = linear(x2, layer.weight, layer.bias ?? void 0);
    return add(y, this.up.forward(gelu(this.down.forward(y))));
  }
};

// src/nn/lora.ts
init_errors();

// src/ops/lora.ts
init_errors();
var BOTH_TRANSPOSED = { transposeA: true, transposeB: true };
function loraLinear(x2, weight, a, b, { alpha, rank }) {
  checkInputs(x2, weight, a, b, rank);
  const outputs = weight.shape[0];
  const scale = alpha / rank;
  const M = sizeOf(x2.shape.slice(0, -1));
  const flatten2 = (x3) => reshape(x3, [M, x3.shape.at(-1)]);
  const { y, h } = untaped(() => {
    const rows2 = flatten2(x2);
    const y2 = linear(rows2, weight);
    const h2 = mul(matmul(a, rows2, { transposeB: true }), scale);
    multiplyInto(y2, transpose(h2), transpose(b), { accumulate: true });
    return { y: reshape(y2, [...x2.shape.slice(0, -1), outputs]), h: h2 };
  });
  const wanted = [x2, weight, a, b].map((input) => input.edge !== null);
  const output = record({
    name: "loraLinear",
    inputs: [x2, weight, a, b],
    output: y,
    saved: [x2, weight, a, b, h],
    // dh = s bᵀ dyᵀ     dx = dy W + dhᵀ a     dW = dyᵀ x     da = dh x     db = (h dy)ᵀ
    backward: (dy, [x3, weight2, a2, b2]) => {
      const [g, rows2] = [flatten2(dy), flatten2(x3)];
      const dh = mul(matmul(b2, g, BOTH_TRANSPOSED), scale);
      const h2 = mul(matmul(a2, rows2, { transposeB: true }), scale);
      return [
        wanted[0] ? reshape(add(timesWeight(g, weight2), matmul(dh, a2, { transposeA: true })), x3.shape) : null,
        wanted[1] ? matmul(g, rows2, { transposeA: true }) : null,
        wanted[2] ? matmul(dh, rows2) : null,
        wanted[3] ? transpose(matmul(h2, g)) : null
      ];
    },
    // The same with the update of dx in place, and with the h of the forward pass, which is scaled.
    fused: (dy, [x3, weight2, a2, b2, h2]) => {
      const [g, rows2] = [flatten2(dy), flatten2(x3)];
      const dh = wanted[0] || wanted[2] ? mul(matmul(b2, g, BOTH_TRANSPOSED), scale) : null;
      const dx = wanted[0] ? timesWeight(g, weight2) : null;
      if (dx && dh) multiplyInto(dx, transpose(dh), a2, { accumulate: true });
      return [
        dx && reshape(dx, x3.shape),
        wanted[1] ? matmul(g, rows2, { transposeA: true }) : null,
        dh && wanted[2] ? matmul(dh, rows2) : null,
        wanted[3] ? transpose(matmul(h2, g)) : null
      ];
    }
  });
  h.dispose();
  return output;
}
function checkInputs(x2, weight, a, b, rank) {
  for (const [name, input] of Object.entries({ x: x2, a, b })) {
    expectDType("loraLinear", name, input, "f32");
  }
  expectDType("loraLinear", "weight", weight, "f32", "u32");
  const inputs = x2.shape.at(-1);
  const shape = weightShape(weight);
  if (inputs === void 0 || weight.rank !== 2 || shape[1] !== inputs) {
    throw new ShapeError(
      `loraLinear: x is ${format(x2.shape)} and weight ${format(shape)}; expected [..., in] and [out, in]`
    );
  }
  expectShape("loraLinear", "a", a, [rank, inputs]);
  expectShape("loraLinear", "b", b, [weight.shape[0], rank]);
}

// src/nn/lora.ts
var WHOLE = "all";
var LoraFactors = class extends Module {
  constructor(init, inputs, outputs, rank, begin2) {
    super();
    this.begin = begin2;
    this.a = init.uniform([rank, inputs], 1 / Math.sqrt(inputs));
    this.b = init.constant([outputs, rank], 0);
  }
  begin;
  /** [rank, in] */
  a;
  /** [outputs of the projection, rank], zeros at first. */
  b;
};
var Lora = class extends Module {
  /** By the projection's name, or WHOLE. */
  factors;
  options;
  constructor(init, layer, { rank = 8, alpha = 16, rankStabilised = false, dropout: dropout2 = 0, parts } = {}) {
    super();
    if (!Number.isInteger(rank) || rank < 1)
      throw new ConfigError(`Lora: rank is ${rank}, expected a whole number from 1 on`);
    if (!(dropout2 >= 0 && dropout2 < 1))
      throw new ConfigError(`Lora: dropout is ${dropout2}, expected 0 up to but without 1`);
    this.options = { rank, alpha, rankStabilised, dropout: dropout2 };
    const { inputs, outputs } = layer;
    const ranges = parts ? rangesOf2(layer, parts) : [{ name: WHOLE, begin: 0, size: outputs }];
    this.factors = new Map(
      ranges.map(({ name, begin: begin2, size }) => [
        name,
        new LoraFactors(init, inputs, size, rank, begin2)
      ])
    );
  }
  /** s */
  get scale() {
    const { rank, alpha, rankStabilised } = this.options;
    return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
  }
  apply(layer, x2, { training }) {
    const { a, b } = this.joined(layer);
    const { dropout: p } = this.options;
    if (training && p > 0) {
      const h = mul(linear(dropout(x2, { p }), a), this.scale);
      const base = linear(x2, layer.weight, layer.bias ?? void 0);
      return linear(h, b, void 0, { residual: base });
    }
    const rank = a.shape[0];
    const y = loraLinear(x2, layer.weight, a, b, { rank, alpha: this.scale * rank });
    return layer.bias ? add(y, layer.bias) : y;
  }
  /** s B A, [out, in]. */
  delta(layer) {
    const { a, b } = this.joined(layer);
    return mul(matmul(b, a), this.scale);
  }
  /** One A [R, in] and one B [out, R] that do what all factors do: R = r times their number, B zero outside its blocks. */
  joined(layer) {
    const all = [...this.factors.values()];
    const { outputs } = layer;
    const [first] = all;
    if (all.length === 1 && first.b.shape[0] === outputs) return first;
    const inPlace = all.map(
      ({ b, begin: begin2 }) => pad(b, { before: [begin2, 0], after: [outputs - begin2 - b.shape[0], 0] })
    );
    return { a: concat(all.map(({ a }) => a)), b: concat(inPlace, { axis: 1 }) };
  }
};
function rangesOf2({ parts }, names) {
  let begin2 = 0;
  const ranges = Object.entries(parts).map(([name, size]) => {
    begin2 += size;
    return { name, begin: begin2 - size, size };
  });
  return names.map((name) => {
    const range = ranges.find((each) => each.name === name);
    if (range) return range;
    const known = Object.keys(parts).join(", ") || "none";
    throw new ConfigError(`Lora: the layer has no part "${name}"; it has ${known}`);
  });
}

// src/llm/trainable.ts
function trainable2(model, init, method, name = "default") {
  const chosen = choose2(model, method);
  for (const x2 of model.parameters()) if (!chosen.has(x2)) x2.requireGrad(false);
  if (method.kind === "lora") addLora(model, init, method, name);
  if (method.kind === "adapter") addBottlenecks(model, init, method.size, name);
  const parameters = model.namedParameters();
  if (parameters.size > 0) return parameters;
  const why = method.kind === "bitfit" ? "the model has no biases" : "all of the model is frozen";
  throw new ConfigError(`trainable: ${method.kind} leaves nothing to train: ${why}`);
}
function choose2(model, method) {
  const all = [...model.namedParameters()];
  switch (method.kind) {
    case "full":
      return new Set(all.map(([, x2]) => x2));
    case "bitfit":
      return new Set(all.filter(([name]) => name.endsWith(".bias")).map(([, x2]) => x2));
    case "lastK": {
      const { layers } = method;
      const most = model.blocks.length;
      if (!(Number.isInteger(layers) && layers >= 0 && layers <= most)) {
        throw new ConfigError(`trainable: lastK of ${layers} layers, expected 0 to ${most}`);
      }
      const last = model.blocks.slice(most - layers);
      return new Set([...last, model.norm, model.head].flatMap((part) => part?.parameters() ?? []));
    }
    default:
      return /* @__PURE__ */ new Set();
  }
}
function loraTargets(model) {
  return linearLayers(model).flatMap(([layerPath, layer]) => {
    const beside = layerPath.slice(0, layerPath.lastIndexOf(".") + 1);
    const parts = Object.keys(layer.parts);
    return [
      { path: layerPath, layer, layerPath, part: null },
      ...parts.map((part) => ({ path: beside + part, layer, layerPath, part }))
    ];
  });
}
function matchingTargets(model, patterns) {
  const all = loraTargets(model);
  const tests = patterns.map((target2) => ({ target: target2, pattern: patternOf(target2) }));
  const missed = tests.find(({ pattern }) => !all.some(({ path }) => pattern.test(path)));
  if (missed || patterns.length === 0) {
    const known = [...new Set(all.map(({ path }) => path.replace(/^.*\d+\./, "")))].join(", ");
    throw new ConfigError(
      `lora: no linear layer's name ends with "${missed?.target ?? ""}"; the model has ${known}`
    );
  }
  const matching = all.filter(({ path }) => tests.some(({ pattern }) => pattern.test(path)));
  const whole = new Set(matching.filter(({ part }) => part === null).map(({ layer }) => layer));
  return matching.filter(({ layer, part }) => part === null || !whole.has(layer));
}
var DEFAULT_TARGETS = ["query", "value"];
function addLora(model, init, { targets = DEFAULT_TARGETS, kind, ...options }, name) {
  const wanted = matchingTargets(model, targets);
  for (const layer of new Set(wanted.map(({ layer: layer2 }) => layer2))) {
    const own = wanted.filter((target2) => target2.layer === layer);
    const parts = own.map(({ part }) => part).filter((part) => part !== null);
    const lora = new Lora(init, layer, { ...options, ...parts.length > 0 && { parts } });
    layer.adapters.get(name)?.dispose();
    layer.adapters.set(name, lora);
  }
}
function patternOf(target2) {
  const escaped = target2.split("*").map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`(^|\\.)${escaped.join(".*")}$`);
}
function addBottlenecks(model, init, size, name) {
  const ends = [...model.encoderBlocks, ...model.blocks].flatMap(({ attention: attention2, mlp }) => [
    attention2.output,
    mlp.down
  ]);
  for (const layer of ends)
    layer.adapters.set(name, new Bottleneck(init, layer, { ...size && { size } }));
}

// src/llm/tuner.ts
var ADAPTER = "default";
var adapterOf = ({ method }) => method === "lora" || method === "adapter" ? ADAPTER : null;
async function tune(tuner, { run: run4, onStart, onProgress, signal, clock = () => performance.now() }) {
  const { positions, adapterName, schedule, counts, settings: settings2 } = tuner;
  const { steps } = schedule;
  try {
    if (run4?.checkpoint) tuner.restore(run4.checkpoint);
    const first = run4?.checkpoint?.step ?? 0;
    const before = run4?.checkpoint ? run4.evaluations : await tuner.initialEvaluations();
    const [evaluation] = before;
    const start2 = { steps, first, ...counts, ...evaluation && { evaluation } };
    onStart?.(start2);
    const begin2 = clock();
    const { step, evaluations } = await runSteps(tuner, {
      ...settings2,
      steps,
      positions,
      run: run4 ?? null,
      before,
      savesBest: false,
      onProgress,
      signal,
      clock
    });
    const seconds = (clock() - begin2) / 1e3;
    const tokensPerSecond = positions * (step - first) / seconds;
    const stopped = step < steps;
    return {
      ...start2,
      settings: settings2,
      adapterName,
      step,
      stopped,
      evaluations,
      tokensPerSecond,
      seconds
    };
  } finally {
    tuner.dispose();
  }
}
var Tuner = class {
  /** @param beside what is trained with the model, such as a new head */
  constructor(device2, model, data2, settings2, loss, beside) {
    this.data = data2;
    this.settings = settings2;
    this.loss = loss;
    if (data2.train.length === 0) throw new ConfigError("there are no examples to train on");
    const { seed, batch, evaluateEvery, checkpointEvery, logEvery } = settings2;
    this.adapterName = adapterOf(settings2);
    this.schedule = stepSettings(settings2, data2.train.length);
    this.positions = batch * loss.positions;
    this.take = exampleBatches(data2.train, { seed, batch });
    const own = trainable2(model, new Initialiser(device2, seed), methodOf(settings2), ADAPTER);
    const added = [...beside?.namedParameters() ?? []].map(
      ([name, x2]) => [`new.${name}`, x2]
    );
    const parameters = new Map([...own, ...added]);
    this.counts = {
      parameters: sizeOfAll(model.namedTensors().values()),
      trained: sizeOfAll(parameters.values())
    };
    this.steps = new Steps(device2, {
      parameters,
      settings: this.schedule,
      like: loss.rows(this.take(0)),
      loss: (rows2) => loss.sum(rows2),
      around: (fn) => withAdapter2(model, this.adapterName, fn, { training: true }),
      history: Math.max(logEvery, evaluateEvery, checkpointEvery)
    });
  }
  data;
  settings;
  loss;
  adapterName;
  schedule;
  /** Values of the model, and those that are trained. */
  counts;
  /** Positions of a batch, padding included. */
  positions;
  steps;
  take;
  /** Step number `step`, from 0. Nothing is read back. */
  step(step) {
    const items = this.take(step);
    this.steps.step(step, this.loss.rows(items), 1 / this.loss.count(items));
  }
  learningRate(step) {
    return this.steps.schedule(step);
  }
  lossesSince(begin2, end) {
    return this.steps.lossesSince(begin2, end);
  }
  /** Of the held-out items; null where there are none. @throws DataError for a loss that is not finite. */
  async evaluate() {
    const { heldOut } = this.data;
    if (heldOut.length === 0) return null;
    const { batch, accumulate } = this.schedule;
    const measured = await this.loss.evaluate(heldOut, batch / accumulate);
    requireFinite(measured.loss, "validation loss");
    return measured;
  }
  /** The evaluations before the first step: one, or none. */
  async initialEvaluations() {
    const measured = await this.evaluate();
    return measured ? [{ step: 0, ...measured }] : [];
  }
  /** What is trained; the rest of the model is its base. */
  state() {
    return this.steps.state();
  }
  restore(checkpoint2) {
    this.steps.restore(checkpoint2);
  }
  /** Frees what only training needs; the model and its adapters stay. */
  dispose() {
    this.steps.dispose();
  }
};
function sizeOfAll(tensors) {
  return [...tensors].reduce((sum2, x2) => sum2 + sizeOf(weightShape(x2)), 0);
}

// src/llm/finetune.ts
async function finetune(device2, model, data2, { settings: settings2, head, ...options } = {}) {
  const checked = checkSettings(resolveSettings(FINETUNE_DEFAULTS, settings2), FINETUNE_CHECKS);
  return tune(finetuner(device2, model, data2, checked, head), options);
}
function finetuner(device2, model, data2, settings2, head) {
  return new Tuner(
    device2,
    model,
    data2,
    settings2,
    lossOf(device2, model, data2, settings2, head),
    head
  );
}
function lossOf(device2, model, { train, heldOut }, settings2, head) {
  const length = longest([...train, ...heldOut]);
  const sum2 = ({ ids, targets }, training) => {
    if (!head) return model.loss(ids, targets, { training, reduction: "sum" });
    const logits = head.forward(model.hidden(ids, { training }));
    return crossEntropy(logits, targets, { reduction: "sum" });
  };
  return {
    positions: length,
    rows: (examples) => padded(examples, length),
    sum: (rows2) => sum2(rows2, true),
    count: countedIn,
    async evaluate(examples, batch) {
      const adapted = (rows2) => withAdapter2(model, adapterOf(settings2), () => sum2(rows2, false));
      const options = { batch, count: examples.length };
      return { loss: await evaluateRows(device2, adapted, padded(examples, length), options) };
    }
  };
}

// src/llm/generate.ts
init_errors();

// kernels/sample.wgsl
var sample_default = "// One token for each row of logits z (rows, cols), drawn from softmax(z / temperature) after the usual cuts, in this\n// order: forbidden tokens, repetition penalty (Keskar et al. 2019), temperature, the k likeliest (Fan et al. 2018), the\n// fewest that hold a share p of those (Holtzman et al. 2020), and what is at least minP as likely as the likeliest.\n// All cuts keep a head of the tokens in the order (z descending, index ascending), so that one is described by its end.\n// It is found bit by bit: first z of the last token kept, as an integer in the same order, then its index; a pass over\n// the row for each bit, no sorting, and exact also among equals.\n//\n// LANES threads own a row: a whole workgroup, or one thread of it where rows are short. They also keep the row's account for\n// the next step: the token fed back, how many there are, which occurred, and whether the row has ended.\n\nconst MASKED: bool = false;      // `allowed` is bound; else a stand-in\nconst ROWS: u32 = 1;             // of a workgroup; LANES is 1 where it is more\n\nstruct Params {\n  rows: u32, cols: u32,\n  capacity: u32,        // tokens of a row of `drawn`\n  temperature: f32,     // 0: the likeliest token\n  topK: u32,            // cols: no cut\n  topP: f32,            // 1: no cut\n  minP: f32,            // 0: no cut\n  penalty: f32,         // 1: none\n  ends: vec4i,          // tokens that end a row; -1: none\n  allowedRows: u32,     // 1: all rows share one list\n  fault: u32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> logits: array<f32>;\n@group(0) @binding(1) var<storage, read> allowed: array<u32>;            // (allowedRows, cols), 0: forbidden\n@group(0) @binding(2) var<storage, read_write> next: array<i32>;         // (rows): the token drawn\n@group(0) @binding(3) var<storage, read_write> lengths: array<i32>;      // (rows): tokens so far, counted up\n@group(0) @binding(4) var<storage, read_write> account: array<vec4u>;    // (rows): seed, seed, drawn so far, ended\n@group(0) @binding(5) var<storage, read_write> drawn: array<vec2u>;      // (rows, capacity): token, bits of ln p\n@group(0) @binding(6) var<storage, read_write> seen: array<u32>;         // (rows, cols), 1: occurred\n@group(0) @binding(7) var<storage, read_write> fault: array<u32>;\n\nconst STREAM = 0x64726177u;   // 'draw': keeps the numbers of a seed apart from those of other uses\nconst NO_COUNT = 0x1p+31f;\nconst NO_WEIGHT = 0x1p+127f;\n\n/// The head of a row's order: keys above `key`, and equal ones up to `index`.\nstruct Head { key: u32, index: u32 }\nconst ALL = Head(0u, 0xffffffffu);\n\n/// What stands at column c, after mask and penalty; LOWEST where forbidden.\nfn score(row: u32, c: u32) -> f32 {\n  if (MASKED && allowed[row % params.allowedRows * params.cols + c] == 0u) { return LOWEST; }\n  let z = max(logits[row * params.cols + c], LOWEST);\n  if (params.penalty == 1f || seen[row * params.cols + c] == 0u) { return z; }\n  return select(z * params.penalty, z / params.penalty, z > 0f);\n}\n\n/// An integer in the order of z.\nfn key_of(z: f32) -> u32 {\n  let bits = bitcast<u32>(select(z, 0f, z == 0f));   // -0 is 0\n  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);\n}\n\nfn is_kept(z: f32, c: u32, head: Head) -> bool {\n  let key = key_of(z);\n  return key > head.key || (key == head.key && c <= head.index);\n}\n\n/// exp((z - top) / temperature): how likely, relative to the likeliest.\nfn weight_of(z: f32, top: f32) -> f32 {\n  let temperature = select(params.temperature, 1f, params.temperature == 0f);\n  return select(exp_safe((z - top) / temperature), 0f, z <= LOWEST);\n}\n\n/// How many tokens are in the head, and their weight.\nfn mass(row: u32, top: f32, head: Head, lane: u32) -> vec2f {\n  var sum = vec2f();\n  for (var c = lane; c < params.cols; c += LANES) {\n    let z = score(row, c);\n    if (is_kept(z, c, head)) { sum += vec2f(1f, weight_of(z, top)); }\n  }\n  return workgroup_sum_of_fours(vec4f(sum, 0f, 0f), lane).xy;\n}\n\n/// The shortest head with `need.x` tokens, or with the weight `need.y`.\nfn shortest_head(row: u32, top: f32, need: vec2f, lane: u32) -> Head {\n  var key = 0u;\n  for (var bit = 31i; bit >= 0; bit--) {\n    let higher = key | (1u << u32(bit));\n    let found = mass(row, top, Head(higher, 0xffffffffu), lane);\n    key = select(key, higher, any(found >= need));\n  }\n  var index = 0u;   // of the last: the tokens of this key before it do not suffice\n  for (var bit = 31i - i32(countLeadingZeros(params.cols)); bit >= 0; bit--) {\n    let later = index | (1u << u32(bit));\n    let found = mass(row, top, Head(key, later - 1u), lane);\n    index = select(later, index, any(found >= need));\n  }\n  return Head(key, index);\n}\n\nvar<workgroup> lane_weights: array<f32, LANES>;\nvar<workgroup> choice: u32;\n\n/// A token of the head by its weight: the lanes' tokens one lane after the other, up to the share `u` of the whole.\nfn draw(row: u32, top: f32, head: Head, u: f32, likeliest: u32, lane: u32) -> u32 {\n  var own = 0f;\n  for (var c = lane; c < params.cols; c += LANES) { own += head_weight(row, c, top, head); }\n  if (LANES == 1u) { return token_at(row, top, head, 0f, u * own, likeliest, lane); }\n  lane_weights[lane] = own;\n  if (lane == 0u) { choice = likeliest; }\n  workgroupBarrier();\n  var before = 0f;\n  var whole = 0f;\n  var last = 0u;\n  for (var other = 0u; other < LANES; other++) { whole += lane_weights[other]; }\n  let target_weight = u * whole;\n  var passed = 0f;\n  for (var other = 0u; other < LANES; other++) {\n    if (lane_weights[other] > 0f && passed <= target_weight) { last = other; before = passed; }\n    passed += lane_weights[other];\n  }\n  if (lane == last) { choice = token_at(row, top, head, before, target_weight, likeliest, lane); }\n  workgroupBarrier();\n  return choice;\n}\n\n/// The lane's token at which the weight `before` it, counted up, passes the target.\nfn token_at(row: u32, top: f32, head: Head, before: f32, target_weight: f32, likeliest: u32, lane: u32) -> u32 {\n  var found = likeliest;\n  var passed = before;\n  for (var c = lane; c < params.cols && passed <= target_weight; c += LANES) {\n    let weight = head_weight(row, c, top, head);\n    passed += weight;\n    if (weight > 0f) { found = c; }\n  }\n  return found;\n}\n\nfn head_weight(row: u32, c: u32, top: f32, head: Head) -> f32 {\n  let z = score(row, c);\n  let weight = weight_of(z, top);\n  return select(0f, weight, is_kept(z, c, head) && weight >= params.minP);\n}\n\n@compute @workgroup_size(LANES * ROWS)\nfn sample(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) thread: u32,\n) {\n  let lane = thread % LANES;\n  let index = (group.x + group.y * groups.x) * ROWS + thread / LANES;\n  let row = min(index, params.rows - 1u);   // no early return: barriers follow\n  var best = LOWEST;\n  var at = 0xffffffffu;\n  for (var c = lane; c < params.cols; c += LANES) {\n    let z = score(row, c);\n    if (z > best) { best = z; at = c; }\n  }\n  let top = workgroup_max(best, lane);\n  let likeliest = min(workgroup_argmax(best, at, lane), params.cols - 1u);\n\n  // Of the model itself at this temperature, before any cut.\n  var peak = LOWEST;\n  for (var c = lane; c < params.cols; c += LANES) { peak = max(peak, logits[row * params.cols + c]); }\n  peak = workgroup_max(peak, lane);\n  var total = 0f;\n  for (var c = lane; c < params.cols; c += LANES) { total += weight_of(logits[row * params.cols + c], peak); }\n  total = workgroup_sum(total, lane);\n\n  var head = ALL;\n  if (params.topK < params.cols) {\n    head = shortest_head(row, top, vec2f(f32(params.topK), NO_WEIGHT), lane);\n  }\n  if (params.topP < 1f) {\n    let whole = mass(row, top, head, lane).y;\n    head = shortest_head(row, top, vec2f(NO_COUNT, params.topP * whole), lane);\n  }\n  let state = account[row];\n  let u = random_uniform(0u, STREAM, state.z, state.xy);\n  var token = likeliest;\n  if (params.temperature > 0f) { token = draw(row, top, head, u, likeliest, lane); }\n\n  if (index >= params.rows || lane != 0u) { return; }\n  let temperature = select(params.temperature, 1f, params.temperature == 0f);\n  let logProb = (logits[row * params.cols + token] - peak) / temperature - log_safe(total);\n  let ended = state.w != 0u;\n  if (ended) { token = u32(max(params.ends.x, 0)); }\n  if (state.z < params.capacity) {\n    drawn[row * params.capacity + state.z] = vec2u(token, bitcast<u32>(select(logProb, 0f, ended)));\n  }\n  next[row] = i32(token);\n  lengths[row] += 1;\n  seen[row * params.cols + token] = 1u;\n  account[row] = vec4u(state.xy, state.z + 1u, u32(ended || any(vec4i(i32(token)) == params.ends)));\n  if (top <= LOWEST && fault[0] == 0u) { fault[0] = params.fault; }\n}\n";

// src/ops/sample.ts
init_errors();
var kernel14 = kernelFile("sample", sample_default);
var MOST_ENDS = 4;
function samplingState(runtime, seeds, { capacity, vocabularySize }) {
  const B = seeds.length;
  const account = allocate(runtime, [B, 4], "u32");
  account.write(seeds.flatMap((seed) => [...keyOf(seed), 0, 0]));
  const tensors = {
    next: full(runtime, [B], 0, "i32"),
    account,
    drawn: full(runtime, [B, capacity, 2], 0, "u32"),
    seen: full(runtime, [B, vocabularySize], 0, "u32")
  };
  for (const x2 of Object.values(tensors)) x2.kept = true;
  const dispose = () => {
    for (const x2 of Object.values(tensors)) x2.dispose();
  };
  return { ...tensors, dispose };
}
function sampleInto(state, logits, lengths, options = {}) {
  const [B, V] = state.seen.shape;
  expectDType("sampleInto", "logits", logits, "f32");
  expectShape("sampleInto", "logits", logits, [B, V]);
  expectShape("sampleInto", "lengths", lengths, [B]);
  expectDType("sampleInto", "lengths", lengths, "i32");
  const checked = checkSampling(options, V);
  const { allowed } = options;
  if (allowed) {
    expectDType("sampleInto", "allowed", allowed, "u32", "i32");
    const fits = allowed.rank === 1 ? allowed.shape[0] === V : allowed.size === B * V;
    if (!fits || allowed.rank > 2) {
      throw new ShapeError(
        `sampleInto: allowed is ${format(allowed.shape)}, expected [${V}] or [${B}, ${V}]`
      );
    }
  }
  const { LANES, ROWS } = threadsFor(logits.runtime, V);
  launch(kernel14, "sample", {
    inputs: [logits, allowed ?? state.account],
    outputs: [state.next, lengths, state.account, state.drawn, state.seen],
    params: {
      rows: B,
      cols: V,
      capacity: state.drawn.shape[1],
      allowedRows: allowed?.rank === 2 ? B : 1,
      ...checked
    },
    constants: { MASKED: String(allowed !== void 0), LANES, ROWS },
    workgroups: Math.ceil(B / ROWS),
    flops: 20 * logits.size,
    fault: "sampleInto: a row has no allowed token"
  });
}
function threadsFor(runtime, V) {
  const lanes = lanesFor(runtime);
  const short = runtime.gpu.adapter.software ? 256 : 16;
  return V <= short ? { LANES: 1, ROWS: lanes } : { LANES: lanes, ROWS: 1 };
}
function checkSampling(options, V) {
  const {
    repetitionPenalty = 1,
    temperature = 1,
    topK = V,
    topP = 1,
    minP = 0,
    ends = []
  } = options;
  const fail = (name, value, expected) => {
    throw new ConfigError(`sampling: ${name} is ${value}, expected ${expected}`);
  };
  if (!(repetitionPenalty > 0 && repetitionPenalty < 1e6))
    fail("repetitionPenalty", repetitionPenalty, "a number above 0");
  if (!(temperature >= 0 && temperature < 1e30))
    fail("temperature", temperature, "a number from 0 on");
  if (!(Number.isInteger(topK) && topK >= 1)) fail("topK", topK, "a whole number from 1 on");
  if (!(topP >= 1e-6 && topP <= 1)) fail("topP", topP, "a share in (0, 1]");
  if (!(minP >= 0 && minP <= 1)) fail("minP", minP, "a share in [0, 1]");
  const stray = ends.find((id) => !(Number.isInteger(id) && id >= 0 && id < V));
  if (stray !== void 0) fail("an end token", stray, `an id in 0 \u2026 ${V - 1}`);
  if (ends.length > MOST_ENDS)
    fail("the number of end tokens", ends.length, `at most ${MOST_ENDS}`);
  const padded3 = Array.from({ length: MOST_ENDS }, (_, i) => ends[i] ?? -1);
  return {
    penalty: repetitionPenalty,
    temperature,
    topK: Math.min(topK, V),
    topP,
    minP,
    ends: padded3
  };
}

// src/llm/key_value_cache.ts
init_errors();

// kernels/attention.wgsl
var attention_default2 = "// Scaled dot-product attention; nothing of size Tq x Tk is stored (Dao et al. 2022).\n//\n//   S = scale q k\u1D40                    q (B, H, Tq, D)     k, v (B, Hkv, Tk, D), shared by H / Hkv query heads\n//   P = softmax(S) over the keys that a query sees; lse = log \u03A3 exp S; a query that sees none gets zeros\n//   o = (M \u2218 P) v                     M = dropout's mask / (1 - p), or ones\n//   \u0394 = \u03A3_d dO \u2218 o                    dP = M \u2218 (dO v\u1D40)     dS = P \u2218 (dP - \u0394)\n//   dq = scale dS k                   dk = scale dS\u1D40 q     dv = (M \u2218 P)\u1D40 dO\n//\n// forward, dq and dkv are one scheme, x_r += \u03A3_c w(r, c) y_c: a thread owns four rows r (queries, or keys) and 32\n// columns of x in named accumulators; the other side c streams past, four at a time, at addresses that are the same for\n// all threads. Each result has one owner, so nothing is added atomically; S is computed again by each of them.\n// A workgroup owns THREADS * 4 rows of one head and 32 columns; with D > 32 several workgroups share the rows.\n// forward has an online softmax (Milakov & Gimelshein 2018); delta finds (lse, \u0394) of each query, a thread each.\n//\n// S and dP have loops of their own: one loop for both spills on adapters that run on a CPU (dq: 9.4 against 2.7 ms for\n// B H = 48, T = 64, D = 32 on lavapipe). The last axis is dense and read as vec4; `\u2026At` are the strides along batch,\n// head and time, and the start, in vec4f.\n\nconst THREADS: u32 = 8;        // of a workgroup, each with its ROWS\nconst MASKED: bool = false;    // `keys` has a mask\nconst PACKED: bool = false;    // `keys` has the documents' bounds\nconst DROPOUT: bool = false;\nconst OF_VALUES: bool = false; // dkv computes dv, else dk\n\nconst ROWS = 4u;               // per thread, side by side: a block of dropout's random words serves four keys; those past\n                               // the end are computed as the last one and not stored\nconst COLUMNS4 = 8u;           // vec4f columns per thread\nconst NEVER = 0xffffffffu;\n\nstruct Params {\n  jobs: u32,        // workgroups that have work\n  heads: u32,       // of the rows: H; Hkv in dkv\n  group: u32,       // H / Hkv\n  Tq: u32, Tk: u32,\n  D4: u32,          // D / 4\n  tiles: u32,       // of rows, per head\n  chunks: u32,      // of columns\n  scale: f32,\n  causal: u32,      // query i sees keys up to i + Tk - Tq\n  maskAt: i32,      // where in `keys` the mask (B, Tk) begins: 0 hides a key\n  lengthsAt: i32,   // where the lengths (B) begin: keys from there on are hidden; -1: there are none\n  stream: u32, p: f32,   // dropout\n  documentsAt: i32, // where begin and end of each position's document (B, T, 2) lie: neither ever falls along T\n  qAt: vec4u, kAt: vec4u, vAt: vec4u,\n  oAt: vec4u,       // o in forward and delta\n  dOAt: vec4u,\n  dxAt: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> q: array<vec4f>;\n@group(0) @binding(1) var<storage, read> k: array<vec4f>;\n@group(0) @binding(2) var<storage, read> v: array<vec4f>;\n@group(0) @binding(3) var<storage, read> keys: array<i32>;\n@group(0) @binding(4) var<storage, read> state: array<u32>;            // of dropout: (key, key, step, 0)\n@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;        // forward\n@group(0) @binding(6) var<storage, read_write> lse: array<f32>;        // (B, H, Tq)\n@group(0) @binding(5) var<storage, read> dO: array<vec4f>;             // dq, dkv\n@group(0) @binding(6) var<storage, read> stats: array<vec2f>;          // (B, H, Tq): lse, \u0394\n@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;\n\n@group(0) @binding(0) var<storage, read> oSaved: array<vec4f>;         // delta\n@group(0) @binding(1) var<storage, read> dOGiven: array<vec4f>;\n@group(0) @binding(2) var<storage, read> lseSaved: array<f32>;\n@group(0) @binding(3) var<storage, read_write> statsMade: array<vec2f>;\n\n/// How many keys of a sequence there are.\nfn length_of(batch: u32) -> i32 {\n  if (params.lengthsAt < 0) { return i32(params.Tk); }\n  return keys[u32(params.lengthsAt) + batch];\n}\n\nfn hidden(batch: u32, j: u32) -> bool {\n  return keys[u32(params.maskAt) + batch * params.Tk + j] == 0;\n}\n\n/// Where the document of position t begins, and where it ends.\nfn document(batch: u32, t: u32) -> vec2u {\n  if (!PACKED) { return vec2u(0u, NEVER); }\n  let at = u32(params.documentsAt) + 2u * (batch * params.Tk + t);\n  return vec2u(u32(keys[at]), u32(keys[at + 1u]));\n}\n\n/// The keys that query i sees where no mask hides them: from .x up to but without .y.\nfn keys_seen(batch: u32, i: u32, length: i32) -> vec2u {\n  let own = document(batch, i);\n  return vec2u(own.x, min(own.y, keys_end(i, params.Tq, params.Tk, params.causal, length)));\n}\n\n/// The queries that see key j, likewise.\nfn queries_seeing(batch: u32, j: u32) -> vec2u {\n  let own = document(batch, j);\n  return vec2u(max(own.x, queries_start(j, params.Tq, params.Tk, params.causal)), min(own.y, params.Tq));\n}\n\n/// None where it is hidden.\nfn queries_of_key(batch: u32, j: u32, length: i32) -> vec2u {\n  let shut = (MASKED && hidden(batch, j)) || i32(j) >= length;\n  return select(queries_seeing(batch, j), vec2u(), shut);\n}\n\nfn open_keys(batch: u32, j: vec4u) -> vec4<bool> {\n  if (!MASKED) { return vec4<bool>(true); }\n  return !vec4<bool>(hidden(batch, j.x), hidden(batch, j.y), hidden(batch, j.z), hidden(batch, j.w));\n}\n\n/// M of one query and keys j to j + 3, j a multiple of 4.\nfn kept(query: u32, j: u32) -> vec4f {\n  return kept_keys(query, j, params.stream, params.p, vec2u(state[0], state[1]), state[2]);\n}\n\n/// M of four queries (columns) and keys j to j + 3 (rows), j a multiple of 4.\nfn kept_by(query: vec4u, j: u32) -> mat4x4f {\n  return mat4x4f(kept(query.x, j), kept(query.y, j), kept(query.z, j), kept(query.w, j));\n}\n\n/// Four more keys of a row: their weights relative to the new maximum, and the factor that brings earlier sums to it.\nstruct Step { p: vec4f, top: f32, rescale: f32 }\nfn absorb(s: vec4f, seen: vec4<bool>, before: f32) -> Step {\n  let visible = select(vec4f(LOWEST), s, seen);\n  let top = max(before, max(max(visible.x, visible.y), max(visible.z, visible.w)));\n  return Step(score_weight(s, seen, vec4f(top)), top, exp(max(before - top, EXP_MIN)));\n}\n\n/// Four entries of dS; of M \u2218 P for dv.\nfn gradient_weight(s: vec4f, dp: vec4f, m: vec4f, seen: vec4<bool>, rowLse: vec4f, rowDelta: vec4f) -> vec4f {\n  return score_weight(s * params.scale, seen, rowLse) * select(m * dp - rowDelta, m, vec4<bool>(OF_VALUES));\n}\n\n// Four rows' vec4f as the columns of a matrix, or 16 columns of one row.\nfn q4(at: vec4u) -> mat4x4f { return mat4x4f(q[at.x], q[at.y], q[at.z], q[at.w]); }\nfn k4(at: vec4u) -> mat4x4f { return mat4x4f(k[at.x], k[at.y], k[at.z], k[at.w]); }\nfn v4(at: vec4u) -> mat4x4f { return mat4x4f(v[at.x], v[at.y], v[at.z], v[at.w]); }\nfn dO4(at: vec4u) -> mat4x4f { return mat4x4f(dO[at.x], dO[at.y], dO[at.z], dO[at.w]); }\n\nfn upstream_or_q(at: vec4u) -> mat4x4f {\n  if (OF_VALUES) { return dO4(at); }\n  return q4(at);\n}\n\n/// Stores eight columns of a row, as many as exist.\nfn store_o(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {\n  for (var i = 0u; i < min(4u, params.D4 - column); i++) { o[at + column + i] = left[i]; }\n  for (var i = 4u; i < min(8u, params.D4 - column); i++) { o[at + column + i] = right[i - 4u]; }\n}\n\nfn store_dx(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {\n  let factor = select(params.scale, 1f, OF_VALUES);\n  for (var i = 0u; i < min(4u, params.D4 - column); i++) { dx[at + column + i] = left[i] * factor; }\n  for (var i = 4u; i < min(8u, params.D4 - column); i++) { dx[at + column + i] = right[i - 4u] * factor; }\n}\n\n@compute @workgroup_size(THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);\n  let rows = vec4u(job.row + ROWS * lane) + FOUR;\n  let i = min(rows, vec4u(params.Tq - 1u));\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;\n  let kHead = head_start(params.kAt, job.batch, job.head / params.group);\n  let vHead = head_start(params.vAt, job.batch, job.head / params.group);\n  let length = length_of(job.batch);\n  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);\n  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);\n  let begin = keys_seen(job.batch, job.row, length).x / 4u * 4u;\n  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;\n  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);\n  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();\n  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();\n  var top = vec4f(LOWEST); var total = vec4f();\n  for (var j = begin; j < end; j += 4u) {\n    let key = vec4u(j) + FOUR;\n    let at = min(key, vec4u(params.Tk - 1u));\n    let kRow = kHead + at * params.kAt.z;\n    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n    for (var d = 0u; d < params.D4; d++) {\n      let ks = k4(kRow + d);\n      s0 += q[qRow.x + d] * ks; s1 += q[qRow.y + d] * ks;\n      s2 += q[qRow.z + d] * ks; s3 += q[qRow.w + d] * ks;\n    }\n    let open = open_keys(job.batch, at);\n    let t0 = absorb(s0 * params.scale, open & within(key, see0), top.x);\n    let t1 = absorb(s1 * params.scale, open & within(key, see1), top.y);\n    let t2 = absorb(s2 * params.scale, open & within(key, see2), top.z);\n    let t3 = absorb(s3 * params.scale, open & within(key, see3), top.w);\n    top = vec4f(t0.top, t1.top, t2.top, t3.top);\n    total = total * vec4f(t0.rescale, t1.rescale, t2.rescale, t3.rescale)\n      + vec4f(1f) * mat4x4f(t0.p, t1.p, t2.p, t3.p);\n    a0 *= t0.rescale; a1 *= t1.rescale; a2 *= t2.rescale; a3 *= t3.rescale;\n    b0 *= t0.rescale; b1 *= t1.rescale; b2 *= t2.rescale; b3 *= t3.rescale;\n    var p0 = t0.p; var p1 = t1.p; var p2 = t2.p; var p3 = t3.p;\n    if (DROPOUT) {\n      p0 *= kept(query.x, j); p1 *= kept(query.y, j); p2 *= kept(query.z, j); p3 *= kept(query.w, j);\n    }\n    var vRow = vHead + at * params.vAt.z;\n    for (var n = 0u; n < 4u; n++) {\n      let vl = v4(left + vRow.x);\n      let vr = v4(right + vRow.x);\n      a0 += p0.x * vl; a1 += p1.x * vl; a2 += p2.x * vl; a3 += p3.x * vl;\n      b0 += p0.x * vr; b1 += p1.x * vr; b2 += p2.x * vr; b3 += p3.x * vr;\n      // The next key's weights move to the front: indexing by n is slow on adapters that run on a CPU.\n      p0 = p0.yzwx; p1 = p1.yzwx; p2 = p2.yzwx; p3 = p3.yzwx; vRow = vRow.yzwx;\n    }\n  }\n  let some = total > vec4f();\n  let inverse = select(vec4f(), 1f / total, some);\n  let logSum = vec4f(log_safe(total.x), log_safe(total.y), log_safe(total.z), log_safe(total.w));\n  let rowLse = select(vec4f(), top + logSum, some);\n  let oRow = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z;\n  let c = job.column;\n  if (rows.x < params.Tq) { store_o(oRow.x, c, a0 * inverse.x, b0 * inverse.x); lse[query.x] = rowLse.x; }\n  if (rows.y < params.Tq) { store_o(oRow.y, c, a1 * inverse.y, b1 * inverse.y); lse[query.y] = rowLse.y; }\n  if (rows.z < params.Tq) { store_o(oRow.z, c, a2 * inverse.z, b2 * inverse.z); lse[query.z] = rowLse.z; }\n  if (rows.w < params.Tq) { store_o(oRow.w, c, a3 * inverse.w, b3 * inverse.w); lse[query.w] = rowLse.w; }\n}\n\n@compute @workgroup_size(64)\nfn delta(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let query = (group.x + group.y * groups.x) * 64u + lane;\n  if (query >= params.jobs) { return; }\n  let i = query % params.Tq;\n  let head = query / params.Tq % params.heads;\n  let batch = query / params.Tq / params.heads;\n  let oRow = head_start(params.oAt, batch, head) + i * params.oAt.z;\n  let dORow = head_start(params.dOAt, batch, head) + i * params.dOAt.z;\n  var sum = 0f;\n  for (var d = 0u; d < params.D4; d++) { sum += dot(oSaved[oRow + d], dOGiven[dORow + d]); }\n  statsMade[query] = vec2f(lseSaved[query], sum);\n}\n\n@compute @workgroup_size(THREADS)\nfn dq(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);\n  let rows = vec4u(job.row + ROWS * lane) + FOUR;\n  let i = min(rows, vec4u(params.Tq - 1u));\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;\n  let dORow = head_start(params.dOAt, job.batch, job.head) + i * params.dOAt.z;\n  let kHead = head_start(params.kAt, job.batch, job.head / params.group);\n  let vHead = head_start(params.vAt, job.batch, job.head / params.group);\n  let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));\n  let length = length_of(job.batch);\n  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);\n  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);\n  let begin = keys_seen(job.batch, job.row, length).x / 4u * 4u;\n  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;\n  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);\n  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();\n  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();\n  for (var j = begin; j < end; j += 4u) {\n    let key = vec4u(j) + FOUR;\n    let at = min(key, vec4u(params.Tk - 1u));\n    var kRow = kHead + at * params.kAt.z;\n    let vRow = vHead + at * params.vAt.z;\n    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n    var dp0 = vec4f(); var dp1 = vec4f(); var dp2 = vec4f(); var dp3 = vec4f();\n    for (var d = 0u; d < params.D4; d++) {\n      let ks = k4(kRow + d);\n      s0 += q[qRow.x + d] * ks; s1 += q[qRow.y + d] * ks;\n      s2 += q[qRow.z + d] * ks; s3 += q[qRow.w + d] * ks;\n    }\n    for (var d = 0u; d < params.D4; d++) {\n      let vs = v4(vRow + d);\n      dp0 += dO[dORow.x + d] * vs; dp1 += dO[dORow.y + d] * vs;\n      dp2 += dO[dORow.z + d] * vs; dp3 += dO[dORow.w + d] * vs;\n    }\n    var m0 = vec4f(1f); var m1 = vec4f(1f); var m2 = vec4f(1f); var m3 = vec4f(1f);\n    if (DROPOUT) {\n      m0 = kept(query.x, j); m1 = kept(query.y, j); m2 = kept(query.z, j); m3 = kept(query.w, j);\n    }\n    let open = open_keys(job.batch, at);\n    var ds0 = gradient_weight(s0, dp0, m0, open & within(key, see0), vec4f(st[0].x), vec4f(st[1].x));\n    var ds1 = gradient_weight(s1, dp1, m1, open & within(key, see1), vec4f(st[0].y), vec4f(st[1].y));\n    var ds2 = gradient_weight(s2, dp2, m2, open & within(key, see2), vec4f(st[0].z), vec4f(st[1].z));\n    var ds3 = gradient_weight(s3, dp3, m3, open & within(key, see3), vec4f(st[0].w), vec4f(st[1].w));\n    for (var n = 0u; n < 4u; n++) {\n      let kl = k4(left + kRow.x);\n      let kr = k4(right + kRow.x);\n      a0 += ds0.x * kl; a1 += ds1.x * kl; a2 += ds2.x * kl; a3 += ds3.x * kl;\n      b0 += ds0.x * kr; b1 += ds1.x * kr; b2 += ds2.x * kr; b3 += ds3.x * kr;\n      ds0 = ds0.yzwx; ds1 = ds1.yzwx; ds2 = ds2.yzwx; ds3 = ds3.yzwx; kRow = kRow.yzwx;\n    }\n  }\n  let dxRow = head_start(params.dxAt, job.batch, job.head) + i * params.dxAt.z;\n  let c = job.column;\n  if (rows.x < params.Tq) { store_dx(dxRow.x, c, a0, b0); }\n  if (rows.y < params.Tq) { store_dx(dxRow.y, c, a1, b1); }\n  if (rows.z < params.Tq) { store_dx(dxRow.z, c, a2, b2); }\n  if (rows.w < params.Tq) { store_dx(dxRow.w, c, a3, b3); }\n}\n\n@compute @workgroup_size(THREADS)\nfn dkv(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);\n  let rows = vec4u(job.row + ROWS * lane) + FOUR;\n  let j = min(rows, vec4u(params.Tk - 1u));\n  let kRow = head_start(params.kAt, job.batch, job.head) + j * params.kAt.z;\n  let vRow = head_start(params.vAt, job.batch, job.head) + j * params.vAt.z;\n  let length = length_of(job.batch);\n  let see0 = queries_of_key(job.batch, j.x, length); let see1 = queries_of_key(job.batch, j.y, length);\n  let see2 = queries_of_key(job.batch, j.z, length); let see3 = queries_of_key(job.batch, j.w, length);\n  let begin = queries_seeing(job.batch, job.row).x / 4u * 4u;\n  let end = queries_seeing(job.batch, min(job.row + THREADS * ROWS, params.Tk) - 1u).y;\n  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);\n  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();\n  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();\n  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {\n    let qHead = head_start(params.qAt, job.batch, h);\n    let dOHead = head_start(params.dOAt, job.batch, h);\n    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;\n    for (var i = begin; i < end; i += 4u) {\n      let id = vec4u(i) + FOUR;\n      let at = min(id, vec4u(params.Tq - 1u));\n      let query = firstQuery + at;\n      let qRow = qHead + at * params.qAt.z;\n      let dORow = dOHead + at * params.dOAt.z;\n      var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n      var dp0 = vec4f(); var dp1 = vec4f(); var dp2 = vec4f(); var dp3 = vec4f();\n      for (var d = 0u; d < params.D4; d++) {\n        let qs = q4(qRow + d);\n        s0 += k[kRow.x + d] * qs; s1 += k[kRow.y + d] * qs;\n        s2 += k[kRow.z + d] * qs; s3 += k[kRow.w + d] * qs;\n      }\n      if (!OF_VALUES) {\n        for (var d = 0u; d < params.D4; d++) {\n          let dOs = dO4(dORow + d);\n          dp0 += v[vRow.x + d] * dOs; dp1 += v[vRow.y + d] * dOs;\n          dp2 += v[vRow.z + d] * dOs; dp3 += v[vRow.w + d] * dOs;\n        }\n      }\n      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));\n      var m0 = vec4f(1f); var m1 = vec4f(1f); var m2 = vec4f(1f); var m3 = vec4f(1f);\n      if (DROPOUT) {\n        let m = transpose(kept_by(query, j.x));\n        m0 = m[0]; m1 = m[1]; m2 = m[2]; m3 = m[3];\n      }\n      var w0 = gradient_weight(s0, dp0, m0, within(id, see0), st[0], st[1]);\n      var w1 = gradient_weight(s1, dp1, m1, within(id, see1), st[0], st[1]);\n      var w2 = gradient_weight(s2, dp2, m2, within(id, see2), st[0], st[1]);\n      var w3 = gradient_weight(s3, dp3, m3, within(id, see3), st[0], st[1]);\n      var yRow = select(qRow, dORow, vec4<bool>(OF_VALUES));\n      for (var n = 0u; n < 4u; n++) {\n        let yl = upstream_or_q(left + yRow.x);\n        let yr = upstream_or_q(right + yRow.x);\n        a0 += w0.x * yl; a1 += w1.x * yl; a2 += w2.x * yl; a3 += w3.x * yl;\n        b0 += w0.x * yr; b1 += w1.x * yr; b2 += w2.x * yr; b3 += w3.x * yr;\n        w0 = w0.yzwx; w1 = w1.yzwx; w2 = w2.yzwx; w3 = w3.yzwx; yRow = yRow.yzwx;\n      }\n    }\n  }\n  let dxRow = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;\n  let c = job.column;\n  if (rows.x < params.Tk) { store_dx(dxRow.x, c, a0, b0); }\n  if (rows.y < params.Tk) { store_dx(dxRow.y, c, a1, b1); }\n  if (rows.z < params.Tk) { store_dx(dxRow.z, c, a2, b2); }\n  if (rows.w < params.Tk) { store_dx(dxRow.w, c, a3, b3); }\n}\n\n";

// kernels/attention_rows.wgsl
var attention_rows_default = "// Scaled dot-product attention as in attention.wgsl, which has the formulas and \u0394, for short rows and few of them.\n//\n// A thread owns eight columns of one row in x_r += \u03A3_c w(r, c) y_c, and takes the other side one by one; threads of the\n// same row compute its weights each for themselves. It is the least code: SwiftShader compiles the four kernels of a\n// training step in 0.26 s, those of attention_subgroups.wgsl in 2.3 s (3.0 s with dropout), where a tiny model's whole\n// training takes a second.\n\nconst THREADS: u32 = 8;        // of a workgroup, which owns as many rows of one head\nconst MASKED: bool = false;    // `keys` has a mask\nconst PACKED: bool = false;    // `keys` has the documents' bounds\nconst DROPOUT: bool = false;\nconst OF_VALUES: bool = false; // dkv computes dv, else dk\n\nconst COLUMNS4 = 2u;           // vec4f columns per thread; past the end it computes and stores the last one again\nconst NEVER = 0xffffffffu;\n\nstruct Params {\n  jobs: u32, heads: u32, group: u32, Tq: u32, Tk: u32, D4: u32, tiles: u32, chunks: u32,\n  scale: f32, causal: u32, maskAt: i32, lengthsAt: i32, stream: u32, p: f32, documentsAt: i32,\n  qAt: vec4u, kAt: vec4u, vAt: vec4u, oAt: vec4u, dOAt: vec4u, dxAt: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> q: array<vec4f>;\n@group(0) @binding(1) var<storage, read> k: array<vec4f>;\n@group(0) @binding(2) var<storage, read> v: array<vec4f>;\n@group(0) @binding(3) var<storage, read> keys: array<i32>;\n@group(0) @binding(4) var<storage, read> state: array<u32>;            // of dropout: (key, key, step, 0)\n@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;        // forward\n@group(0) @binding(6) var<storage, read_write> lse: array<f32>;        // (B, H, Tq)\n@group(0) @binding(5) var<storage, read> dO: array<vec4f>;             // dq, dkv\n@group(0) @binding(6) var<storage, read> stats: array<vec2f>;          // (B, H, Tq): lse, \u0394\n@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;\n\n/// How many keys of a sequence there are.\nfn length_of(batch: u32) -> i32 {\n  if (params.lengthsAt < 0) { return i32(params.Tk); }\n  return keys[u32(params.lengthsAt) + batch];\n}\n\nfn hidden(batch: u32, j: u32) -> bool { return keys[u32(params.maskAt) + batch * params.Tk + j] == 0; }\n\n/// Where the document of position t begins, and where it ends.\nfn document(batch: u32, t: u32) -> vec2u {\n  if (!PACKED) { return vec2u(0u, NEVER); }\n  let at = u32(params.documentsAt) + 2u * (batch * params.Tk + t);\n  return vec2u(u32(keys[at]), u32(keys[at + 1u]));\n}\n\n/// The keys that query i sees where no mask hides them: from .x up to but without .y.\nfn keys_seen(batch: u32, i: u32, length: i32) -> vec2u {\n  let own = document(batch, i);\n  return vec2u(own.x, min(own.y, keys_end(i, params.Tq, params.Tk, params.causal, length)));\n}\n\n/// The queries that see key j, likewise; by `queries_of_key` none where it is hidden.\nfn queries_seeing(batch: u32, j: u32) -> vec2u {\n  let own = document(batch, j);\n  return vec2u(max(own.x, queries_start(j, params.Tq, params.Tk, params.causal)), min(own.y, params.Tq));\n}\n\nfn queries_of_key(batch: u32, j: u32, length: i32) -> vec2u {\n  let shut = (MASKED && hidden(batch, j)) || i32(j) >= length;\n  return select(queries_seeing(batch, j), vec2u(), shut);\n}\n\n/// M of one query and key.\nfn kept(query: u32, j: u32) -> f32 {\n  if (!DROPOUT) { return 1f; }\n  let seed = vec2u(state[0], state[1]);\n  return kept_keys(query, j / 4u * 4u, params.stream, params.p, seed, state[2])[j % 4u];\n}\n\nfn store_dx(job: Job, row: u32, x: mat2x4f) {\n  let at = head_start(params.dxAt, job.batch, job.head) + row * params.dxAt.z + columns_at(job.column, params.D4).xy;\n  let factor = select(params.scale, 1f, OF_VALUES);\n  dx[at.x] = x[0] * factor; dx[at.y] = x[1] * factor;\n}\n\nfn score(qRow: u32, kRow: u32) -> f32 {\n  var product = 0f;\n  for (var d = 0u; d < params.D4; d++) { product += dot(q[qRow + d], k[kRow + d]); }\n  return product * params.scale;\n}\n\n/// An entry of dS; of M \u2218 P for dv.\nfn gradient_weight(query: u32, j: u32, qRow: u32, kRow: u32, dORow: u32, vRow: u32) -> f32 {\n  let known = stats[query];\n  let p = exp(clamp(score(qRow, kRow) - known.x, EXP_MIN, 0f));\n  if (OF_VALUES) { return p * kept(query, j); }\n  var dp = 0f;\n  for (var d = 0u; d < params.D4; d++) { dp += dot(dO[dORow + d], v[vRow + d]); }\n  return p * (kept(query, j) * dp - known.y);\n}\n\n@compute @workgroup_size(THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS, params.chunks, COLUMNS4);\n  let i = job.row + lane;\n  if (i >= params.Tq) { return; }\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;\n  let kHead = head_start(params.kAt, job.batch, job.head / params.group);\n  let vHead = head_start(params.vAt, job.batch, job.head / params.group);\n  let columns = columns_at(job.column, params.D4).xy;\n  let see = keys_seen(job.batch, i, length_of(job.batch));\n  var x = mat2x4f(); var top = LOWEST; var total = 0f;\n  for (var j = see.x; j < see.y; j++) {\n    if (MASKED && hidden(job.batch, j)) { continue; }\n    let s = score(qRow, kHead + j * params.kAt.z);\n    let before = top;\n    top = max(top, s);\n    let rescale = exp(max(before - top, EXP_MIN));\n    let p = exp(max(s - top, EXP_MIN));\n    total = total * rescale + p;\n    let at = vHead + j * params.vAt.z + columns;\n    x = x * rescale + p * kept(query, j) * mat2x4f(v[at.x], v[at.y]);\n  }\n  let at = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z + columns;\n  let factor = select(0f, 1f / total, total > 0f);\n  o[at.x] = x[0] * factor; o[at.y] = x[1] * factor;\n  if (job.column == 0u) { lse[query] = select(0f, top + log_safe(total), total > 0f); }\n}\n\n@compute @workgroup_size(THREADS)\nfn dq(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS, params.chunks, COLUMNS4);\n  let i = job.row + lane;\n  if (i >= params.Tq) { return; }\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;\n  let dORow = head_start(params.dOAt, job.batch, job.head) + i * params.dOAt.z;\n  let kHead = head_start(params.kAt, job.batch, job.head / params.group);\n  let vHead = head_start(params.vAt, job.batch, job.head / params.group);\n  let columns = columns_at(job.column, params.D4).xy;\n  let see = keys_seen(job.batch, i, length_of(job.batch));\n  var x = mat2x4f();\n  for (var j = see.x; j < see.y; j++) {\n    if (MASKED && hidden(job.batch, j)) { continue; }\n    let kRow = kHead + j * params.kAt.z;\n    let at = kRow + columns;\n    x += gradient_weight(query, j, qRow, kRow, dORow, vHead + j * params.vAt.z) * mat2x4f(k[at.x], k[at.y]);\n  }\n  store_dx(job, i, x);\n}\n\n@compute @workgroup_size(THREADS)\nfn dkv(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS, params.chunks, COLUMNS4);\n  let j = job.row + lane;\n  if (j >= params.Tk) { return; }\n  let kRow = head_start(params.kAt, job.batch, job.head) + j * params.kAt.z;\n  let vRow = head_start(params.vAt, job.batch, job.head) + j * params.vAt.z;\n  let columns = columns_at(job.column, params.D4).xy;\n  let seen = queries_of_key(job.batch, j, length_of(job.batch));\n  var x = mat2x4f();\n  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {\n    let qHead = head_start(params.qAt, job.batch, h);\n    let dOHead = head_start(params.dOAt, job.batch, h);\n    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;\n    for (var i = seen.x; i < seen.y; i++) {\n      let qRow = qHead + i * params.qAt.z;\n      let dORow = dOHead + i * params.dOAt.z;\n      let w = gradient_weight(firstQuery + i, j, qRow, kRow, dORow, vRow);\n      if (OF_VALUES) { let at = dORow + columns; x += w * mat2x4f(dO[at.x], dO[at.y]); }\n      else { let at = qRow + columns; x += w * mat2x4f(q[at.x], q[at.y]); }\n    }\n  }\n  store_dx(job, j, x);\n}\n";

// kernels/attention_single.wgsl
var attention_single_default = "// Attention of few queries to many keys, as in generation: a workgroup owns one query, so that all of its threads work.\n//   o = softmax(scale q k\u1D40) v over the keys that the query sees; lse = log \u03A3 exp(scale q k\u1D40); none seen: zeros\n//   q, o (B, H, Tq, D)     k, v (B, Hkv, Tk, D)     D <= 4 LANES\n//\n// KEYS keys at a time: a thread computes the weights of every LANES-th, then one vec4f column of o; the softmax is online.\n// Parameters as in attention.wgsl, which has the backward.\n\nconst KEYS = 128u;\n\nstruct Params {\n  queries: u32,     // B H Tq\n  heads: u32,\n  group: u32,       // H / Hkv\n  Tq: u32, Tk: u32,\n  D4: u32,\n  scale: f32,\n  causal: u32,\n  maskAt: i32,\n  lengthsAt: i32,\n  qAt: vec4u, kAt: vec4u, vAt: vec4u, oAt: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> q: array<vec4f>;\n@group(0) @binding(1) var<storage, read> k: array<vec4f>;\n@group(0) @binding(2) var<storage, read> v: array<vec4f>;\n@group(0) @binding(3) var<storage, read> keys: array<i32>;\n@group(0) @binding(4) var<storage, read_write> o: array<vec4f>;\n@group(0) @binding(5) var<storage, read_write> lse: array<f32>;\n\nvar<workgroup> weights: array<f32, KEYS>;\n\n/// How many keys of a sequence there are.\nfn length_of(batch: u32) -> i32 {\n  if (params.lengthsAt < 0) { return i32(params.Tk); }\n  return keys[u32(params.lengthsAt) + batch];\n}\n\nfn hidden(batch: u32, j: u32) -> bool {\n  return params.maskAt >= 0 && keys[u32(max(0, params.maskAt)) + batch * params.Tk + j] == 0;\n}\n\n@compute @workgroup_size(LANES)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let query = group.x + group.y * groups.x;\n  if (query >= params.queries) { return; }\n  let i = query % params.Tq;\n  let head = query / params.Tq % params.heads;\n  let batch = query / params.Tq / params.heads;\n  let qRow = head_start(params.qAt, batch, head) + i * params.qAt.z;\n  let kHead = head_start(params.kAt, batch, head / params.group);\n  let vColumn = head_start(params.vAt, batch, head / params.group) + min(lane, params.D4 - 1u);\n  let end = keys_end(i, params.Tq, params.Tk, params.causal, length_of(batch));\n  var x = vec4f();\n  var top = LOWEST;\n  var total = 0f;\n  for (var first = 0u; first < end; first += KEYS) {\n    let count = min(KEYS, end - first);\n    let before = top;\n    for (var n = lane; n < count; n += LANES) {\n      let j = first + n;\n      var s = LOWEST;\n      if (!hidden(batch, j)) {\n        let kRow = kHead + j * params.kAt.z;\n        var product = 0f;\n        for (var d = 0u; d < params.D4; d++) { product += dot(q[qRow + d], k[kRow + d]); }\n        s = product * params.scale;\n      }\n      weights[n] = s;\n      top = max(top, s);\n    }\n    top = workgroup_max(top, lane);\n    let rescale = exp(max(before - top, EXP_MIN));\n    var sum = 0f;\n    for (var n = lane; n < count; n += LANES) {\n      let s = weights[n];\n      let p = select(exp(clamp(s - top, EXP_MIN, 0f)), 0f, s == LOWEST);\n      weights[n] = p;\n      sum += p;\n    }\n    total = total * rescale + workgroup_sum(sum, lane);  // its barriers show `weights` to all threads\n    x *= rescale;\n    for (var n = 0u; n < count; n++) { x += weights[n] * v[vColumn + (first + n) * params.vAt.z]; }\n    workgroupBarrier();  // before the next keys overwrite `weights`\n  }\n  let oRow = head_start(params.oAt, batch, head) + i * params.oAt.z;\n  if (lane < params.D4) { o[oRow + lane] = select(vec4f(), x / total, total > 0f); }\n  if (lane == 0u) { lse[query] = select(0f, top + log_safe(total), total > 0f); }\n}\n";

// kernels/attention_subgroups.wgsl
var attention_subgroups_default = "// Scaled dot-product attention as in attention.wgsl, which has the formulas and \u0394, where there are subgroups: of the\n// eight keys (or queries) of a step each thread loads one, or two, and the subgroup hands them round.\n//\n// A thread owns four rows r and 32 columns of x in x_r += \u03A3_c w(r, c) y_c; the other side c streams past, eight at a\n// time. On a CPU a load costs as much as 30 products, whatever its address (lavapipe: 8 ns an element against 0.25), a\n// shuffle a fourth of that: forward and backward take half the time of attention.wgsl there (T = 128 and 512, D = 32).\n// More rows, or dk beside dv, spill: eight rows were no faster and took ten times as long to compile.\n\nenable subgroups;\nconst THREADS: u32 = 8;        // of a workgroup, each with its ROWS\nconst WIDTH: u32 = 4;          // threads that share loads, of a subgroup: 8, or the 4 that every subgroup has\nconst MASKED: bool = false;    // `keys` has a mask\nconst PACKED: bool = false;    // `keys` has the documents' bounds\nconst DROPOUT: bool = false;\nconst OF_VALUES: bool = false; // dkv computes dv, else dk\n\nconst ROWS = 4u;               // per thread; those past the end are computed as the last one and not stored\nconst AT_ONCE = 8u;            // of the other side\nconst ONES = vec4f(1f);\nconst COLUMNS4 = 8u;           // vec4f columns per thread\nconst NEVER = 0xffffffffu;\n\nstruct Params {\n  jobs: u32, heads: u32, group: u32, Tq: u32, Tk: u32, D4: u32, tiles: u32, chunks: u32,\n  scale: f32, causal: u32, maskAt: i32, lengthsAt: i32, stream: u32, p: f32, documentsAt: i32,\n  qAt: vec4u, kAt: vec4u, vAt: vec4u, oAt: vec4u, dOAt: vec4u, dxAt: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> q: array<vec4f>;\n@group(0) @binding(1) var<storage, read> k: array<vec4f>;\n@group(0) @binding(2) var<storage, read> v: array<vec4f>;\n@group(0) @binding(3) var<storage, read> keys: array<i32>;\n@group(0) @binding(4) var<storage, read> state: array<u32>;            // of dropout: (key, key, step, 0)\n@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;        // forward\n@group(0) @binding(6) var<storage, read_write> lse: array<f32>;        // (B, H, Tq)\n@group(0) @binding(5) var<storage, read> dO: array<vec4f>;             // dq, dkv\n@group(0) @binding(6) var<storage, read> stats: array<vec2f>;          // (B, H, Tq): lse, \u0394\n@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;\n\n/// How many keys of a sequence there are.\nfn length_of(batch: u32) -> i32 {\n  if (params.lengthsAt < 0) { return i32(params.Tk); }\n  return keys[u32(params.lengthsAt) + batch];\n}\n\nfn hidden(batch: u32, j: u32) -> bool { return keys[u32(params.maskAt) + batch * params.Tk + j] == 0; }\n\n/// Where the document of position t begins, and where it ends.\nfn document(batch: u32, t: u32) -> vec2u {\n  if (!PACKED) { return vec2u(0u, NEVER); }\n  let at = u32(params.documentsAt) + 2u * (batch * params.Tk + t);\n  return vec2u(u32(keys[at]), u32(keys[at + 1u]));\n}\n\n/// The keys that query i sees where no mask hides them: from .x up to but without .y.\nfn keys_seen(batch: u32, i: u32, length: i32) -> vec2u {\n  let own = document(batch, i);\n  return vec2u(own.x, min(own.y, keys_end(i, params.Tq, params.Tk, params.causal, length)));\n}\n\n/// The queries that see key j, likewise; by `queries_of_key` none where it is hidden.\nfn queries_seeing(batch: u32, j: u32) -> vec2u {\n  let own = document(batch, j);\n  return vec2u(max(own.x, queries_start(j, params.Tq, params.Tk, params.causal)), min(own.y, params.Tq));\n}\n\nfn queries_of_key(batch: u32, j: u32, length: i32) -> vec2u {\n  let shut = (MASKED && hidden(batch, j)) || i32(j) >= length;\n  return select(queries_seeing(batch, j), vec2u(), shut);\n}\n\n/// Keys j to j + 3, or NEVER where they are hidden: a query sees those before its end.\nfn open_keys(batch: u32, j: u32) -> vec4u {\n  let key = vec4u(j) + FOUR;\n  if (!MASKED) { return key; }\n  let at = min(key, vec4u(params.Tk - 1u));\n  let shut = vec4<bool>(hidden(batch, at.x), hidden(batch, at.y), hidden(batch, at.z), hidden(batch, at.w));\n  return select(key, vec4u(NEVER), shut);\n}\n\n/// M of one query and keys j to j + 3, j a multiple of 4.\nfn kept(query: u32, j: u32) -> vec4f {\n  return kept_keys(query, j, params.stream, params.p, vec2u(state[0], state[1]), state[2]);\n}\n\n/// M of four queries (columns) and keys j to j + 3 (rows), j a multiple of 4.\nfn kept_by(query: vec4u, j: u32) -> mat4x4f {\n  if (!DROPOUT) { return mat4x4f(ONES, ONES, ONES, ONES); }\n  return mat4x4f(kept(query.x, j), kept(query.y, j), kept(query.z, j), kept(query.w, j));\n}\n\n/// Eight more keys of a row: their weights relative to the new maximum, and the factor that brings earlier sums to it.\nstruct Step { p0: vec4f, p1: vec4f, sum: f32, top: f32, rescale: f32 }\nfn absorb(s0: vec4f, s1: vec4f, seen0: vec4<bool>, seen1: vec4<bool>, before: f32) -> Step {\n  let m = max(select(vec4f(LOWEST), s0, seen0), select(vec4f(LOWEST), s1, seen1));\n  let top = max(before, max_of_four(m));\n  let p0 = score_weight(s0, seen0, vec4f(top));\n  let p1 = score_weight(s1, seen1, vec4f(top));\n  return Step(p0, p1, sum_of_four(p0 + p1), top, exp(max(before - top, EXP_MIN)));\n}\n\n/// Four entries of dS; of M \u2218 P for dv.\nfn gradient_weight(s: vec4f, dp: vec4f, m: vec4f, seen: vec4<bool>, rowLse: vec4f, rowDelta: vec4f) -> vec4f {\n  return score_weight(s * params.scale, seen, rowLse) * select(m * dp - rowDelta, m, vec4<bool>(OF_VALUES));\n}\n\n// The other side's rows lie in the threads of a subgroup: one vec4f of rows n to n + 3, or 16 columns of row n.\nfn four(x: vec4f, n: u32) -> mat4x4f {\n  return mat4x4f(\n    subgroupShuffle(x, n), subgroupShuffle(x, n + 1u), subgroupShuffle(x, n + 2u), subgroupShuffle(x, n + 3u));\n}\nfn row(x: mat4x4f, n: u32) -> mat4x4f {\n  return mat4x4f(\n    subgroupShuffle(x[0], n), subgroupShuffle(x[1], n), subgroupShuffle(x[2], n), subgroupShuffle(x[3], n));\n}\n\nfn k4(at: vec4u) -> mat4x4f { return mat4x4f(k[at.x], k[at.y], k[at.z], k[at.w]); }\nfn v4(at: vec4u) -> mat4x4f { return mat4x4f(v[at.x], v[at.y], v[at.z], v[at.w]); }\nfn upstream_or_q(columns: vec4u, qRow: u32, dORow: u32) -> mat4x4f {\n  if (OF_VALUES) { let at = dORow + columns; return mat4x4f(dO[at.x], dO[at.y], dO[at.z], dO[at.w]); }\n  let at = qRow + columns;\n  return mat4x4f(q[at.x], q[at.y], q[at.z], q[at.w]);\n}\n\n/// Stores eight columns of a row, as many as exist. Called in loops, since four copies take longer to compile.\nfn store_o(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {\n  for (var i = 0u; i < min(4u, params.D4 - column); i++) { o[at + column + i] = left[i]; }\n  for (var i = 4u; i < min(8u, params.D4 - column); i++) { o[at + column + i] = right[i - 4u]; }\n}\n\nfn store_dx(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {\n  let factor = select(params.scale, 1f, OF_VALUES);\n  for (var i = 0u; i < min(4u, params.D4 - column); i++) { dx[at + column + i] = left[i] * factor; }\n  for (var i = 4u; i < min(8u, params.D4 - column); i++) { dx[at + column + i] = right[i - 4u] * factor; }\n}\n\n@compute @workgroup_size(THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n  @builtin(subgroup_invocation_id) place: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);\n  let rows = vec4u(job.row + ROWS * lane) + FOUR;\n  let i = min(rows, vec4u(params.Tq - 1u));\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;\n  let kHead = head_start(params.kAt, job.batch, job.head / params.group);\n  let vHead = head_start(params.vAt, job.batch, job.head / params.group);\n  let length = length_of(job.batch);\n  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);\n  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);\n  let begin = keys_seen(job.batch, job.row, length).x / AT_ONCE * AT_ONCE;\n  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;\n  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);\n  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();\n  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();\n  var top = vec4f(LOWEST); var total = vec4f();\n  for (var j = begin; j < end; j += AT_ONCE) {\n    let at = min(vec2u(j + place % WIDTH) + vec2u(0u, 4u), vec2u(params.Tk - 1u));\n    let kRow = kHead + at * params.kAt.z;\n    let vRow = vHead + at * params.vAt.z;\n    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n    var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();\n    for (var d = 0u; d < params.D4; d++) {\n      let x0 = q[qRow.x + d]; let x1 = q[qRow.y + d]; let x2 = q[qRow.z + d]; let x3 = q[qRow.w + d];\n      let y = k[kRow.x + d];\n      var y4 = y;\n      if (WIDTH == 4u) { y4 = k[kRow.y + d]; }\n      let low = four(y, 0u); let high = four(y4, WIDTH - 4u);\n      s0 += x0 * low; s1 += x1 * low; s2 += x2 * low; s3 += x3 * low;\n      s4 += x0 * high; s5 += x1 * high; s6 += x2 * high; s7 += x3 * high;\n    }\n    let key = open_keys(job.batch, j); let key4 = open_keys(job.batch, j + 4u);\n    let t0 = absorb(s0 * params.scale, s4 * params.scale, within(key, see0), within(key4, see0), top.x);\n    let t1 = absorb(s1 * params.scale, s5 * params.scale, within(key, see1), within(key4, see1), top.y);\n    let t2 = absorb(s2 * params.scale, s6 * params.scale, within(key, see2), within(key4, see2), top.z);\n    let t3 = absorb(s3 * params.scale, s7 * params.scale, within(key, see3), within(key4, see3), top.w);\n    top = vec4f(t0.top, t1.top, t2.top, t3.top);\n    let rescale = vec4f(t0.rescale, t1.rescale, t2.rescale, t3.rescale);\n    total = total * rescale + vec4f(t0.sum, t1.sum, t2.sum, t3.sum);\n    a0 *= rescale.x; a1 *= rescale.y; a2 *= rescale.z; a3 *= rescale.w;\n    b0 *= rescale.x; b1 *= rescale.y; b2 *= rescale.z; b3 *= rescale.w;\n    var p0 = t0.p0; var p1 = t1.p0; var p2 = t2.p0; var p3 = t3.p0;\n    var p4 = t0.p1; var p5 = t1.p1; var p6 = t2.p1; var p7 = t3.p1;\n    if (DROPOUT) {\n      p0 *= kept(query.x, j); p1 *= kept(query.y, j); p2 *= kept(query.z, j); p3 *= kept(query.w, j);\n      p4 *= kept(query.x, j + 4u); p5 *= kept(query.y, j + 4u);\n      p6 *= kept(query.z, j + 4u); p7 *= kept(query.w, j + 4u);\n    }\n    let yl = v4(left + vRow.x); let yr = v4(right + vRow.x);\n    var yl4 = yl; var yr4 = yr;\n    if (WIDTH == 4u) { yl4 = v4(left + vRow.y); yr4 = v4(right + vRow.y); }\n    for (var n = 0u; n < 4u; n++) {\n      let l0 = row(yl, n); let r0 = row(yr, n);\n      let l1 = row(yl4, n + WIDTH - 4u); let r1 = row(yr4, n + WIDTH - 4u);\n      a0 += p0.x * l0 + p4.x * l1; a1 += p1.x * l0 + p5.x * l1;\n      a2 += p2.x * l0 + p6.x * l1; a3 += p3.x * l0 + p7.x * l1;\n      b0 += p0.x * r0 + p4.x * r1; b1 += p1.x * r0 + p5.x * r1;\n      b2 += p2.x * r0 + p6.x * r1; b3 += p3.x * r0 + p7.x * r1;\n      // The next weights move to the front: indexing by n is slow on adapters that run on a CPU.\n      p0 = p0.yzwx; p1 = p1.yzwx; p2 = p2.yzwx; p3 = p3.yzwx;\n      p4 = p4.yzwx; p5 = p5.yzwx; p6 = p6.yzwx; p7 = p7.yzwx;\n    }\n  }\n  let some = total > vec4f();\n  let inverse = select(vec4f(), 1f / total, some);\n  let logSum = vec4f(log_safe(total.x), log_safe(total.y), log_safe(total.z), log_safe(total.w));\n  let rowLse = select(vec4f(), top + logSum, some);\n  var at = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z;\n  var factor = inverse; var logSums = rowLse;\n  for (var row = rows.x; row < min(rows.x + ROWS, params.Tq); row++) {\n    store_o(at.x, job.column, a0 * factor.x, b0 * factor.x);\n    lse[query.x + row - rows.x] = logSums.x;\n    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3;\n    at = at.yzwx; factor = factor.yzwx; logSums = logSums.yzwx;\n  }\n}\n\n@compute @workgroup_size(THREADS)\nfn dq(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n  @builtin(subgroup_invocation_id) place: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);\n  let rows = vec4u(job.row + ROWS * lane) + FOUR;\n  let i = min(rows, vec4u(params.Tq - 1u));\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;\n  let dORow = head_start(params.dOAt, job.batch, job.head) + i * params.dOAt.z;\n  let kHead = head_start(params.kAt, job.batch, job.head / params.group);\n  let vHead = head_start(params.vAt, job.batch, job.head / params.group);\n  let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));\n  let length = length_of(job.batch);\n  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);\n  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);\n  let begin = keys_seen(job.batch, job.row, length).x / AT_ONCE * AT_ONCE;\n  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;\n  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);\n  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();\n  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();\n  for (var j = begin; j < end; j += AT_ONCE) {\n    let at = min(vec2u(j + place % WIDTH) + vec2u(0u, 4u), vec2u(params.Tk - 1u));\n    let kRow = kHead + at * params.kAt.z;\n    let vRow = vHead + at * params.vAt.z;\n    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n    var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();\n    for (var d = 0u; d < params.D4; d++) {\n      let x0 = q[qRow.x + d]; let x1 = q[qRow.y + d]; let x2 = q[qRow.z + d]; let x3 = q[qRow.w + d];\n      let y = k[kRow.x + d];\n      var y4 = y;\n      if (WIDTH == 4u) { y4 = k[kRow.y + d]; }\n      let low = four(y, 0u); let high = four(y4, WIDTH - 4u);\n      s0 += x0 * low; s1 += x1 * low; s2 += x2 * low; s3 += x3 * low;\n      s4 += x0 * high; s5 += x1 * high; s6 += x2 * high; s7 += x3 * high;\n    }\n    var w0 = vec4f(); var w1 = vec4f(); var w2 = vec4f(); var w3 = vec4f();\n    var w4 = vec4f(); var w5 = vec4f(); var w6 = vec4f(); var w7 = vec4f();\n    for (var d = 0u; d < params.D4; d++) {\n      let x0 = dO[dORow.x + d]; let x1 = dO[dORow.y + d]; let x2 = dO[dORow.z + d]; let x3 = dO[dORow.w + d];\n      let y = v[vRow.x + d];\n      var y4 = y;\n      if (WIDTH == 4u) { y4 = v[vRow.y + d]; }\n      let low = four(y, 0u); let high = four(y4, WIDTH - 4u);\n      w0 += x0 * low; w1 += x1 * low; w2 += x2 * low; w3 += x3 * low;\n      w4 += x0 * high; w5 += x1 * high; w6 += x2 * high; w7 += x3 * high;\n    }\n    let m = kept_by(query, j);\n    let m4 = kept_by(query, j + 4u);\n    let key = open_keys(job.batch, j); let key4 = open_keys(job.batch, j + 4u);\n    w0 = gradient_weight(s0, w0, m[0], within(key, see0), vec4f(st[0].x), vec4f(st[1].x));\n    w4 = gradient_weight(s4, w4, m4[0], within(key4, see0), vec4f(st[0].x), vec4f(st[1].x));\n    w1 = gradient_weight(s1, w1, m[1], within(key, see1), vec4f(st[0].y), vec4f(st[1].y));\n    w5 = gradient_weight(s5, w5, m4[1], within(key4, see1), vec4f(st[0].y), vec4f(st[1].y));\n    w2 = gradient_weight(s2, w2, m[2], within(key, see2), vec4f(st[0].z), vec4f(st[1].z));\n    w6 = gradient_weight(s6, w6, m4[2], within(key4, see2), vec4f(st[0].z), vec4f(st[1].z));\n    w3 = gradient_weight(s3, w3, m[3], within(key, see3), vec4f(st[0].w), vec4f(st[1].w));\n    w7 = gradient_weight(s7, w7, m4[3], within(key4, see3), vec4f(st[0].w), vec4f(st[1].w));\n    let yl = k4(left + kRow.x); let yr = k4(right + kRow.x);\n    var yl4 = yl; var yr4 = yr;\n    if (WIDTH == 4u) { yl4 = k4(left + kRow.y); yr4 = k4(right + kRow.y); }\n    for (var n = 0u; n < 4u; n++) {\n      let l0 = row(yl, n); let r0 = row(yr, n);\n      let l1 = row(yl4, n + WIDTH - 4u); let r1 = row(yr4, n + WIDTH - 4u);\n      a0 += w0.x * l0 + w4.x * l1; a1 += w1.x * l0 + w5.x * l1;\n      a2 += w2.x * l0 + w6.x * l1; a3 += w3.x * l0 + w7.x * l1;\n      b0 += w0.x * r0 + w4.x * r1; b1 += w1.x * r0 + w5.x * r1;\n      b2 += w2.x * r0 + w6.x * r1; b3 += w3.x * r0 + w7.x * r1;\n      // The next weights move to the front: indexing by n is slow on adapters that run on a CPU.\n      w0 = w0.yzwx; w1 = w1.yzwx; w2 = w2.yzwx; w3 = w3.yzwx;\n      w4 = w4.yzwx; w5 = w5.yzwx; w6 = w6.yzwx; w7 = w7.yzwx;\n    }\n  }\n  var at = head_start(params.dxAt, job.batch, job.head) + i * params.dxAt.z;\n  for (var row = rows.x; row < min(rows.x + ROWS, params.Tq); row++) {\n    store_dx(at.x, job.column, a0, b0);\n    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3; at = at.yzwx;\n  }\n}\n\n@compute @workgroup_size(THREADS)\nfn dkv(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n  @builtin(subgroup_invocation_id) place: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);\n  let rows = vec4u(job.row + ROWS * lane) + FOUR;\n  let j = min(rows, vec4u(params.Tk - 1u));\n  let kRow = head_start(params.kAt, job.batch, job.head) + j * params.kAt.z;\n  let vRow = head_start(params.vAt, job.batch, job.head) + j * params.vAt.z;\n  let length = length_of(job.batch);\n  let see0 = queries_of_key(job.batch, j.x, length); let see1 = queries_of_key(job.batch, j.y, length);\n  let see2 = queries_of_key(job.batch, j.z, length); let see3 = queries_of_key(job.batch, j.w, length);\n  let begin = queries_seeing(job.batch, job.row).x / AT_ONCE * AT_ONCE;\n  let end = queries_seeing(job.batch, min(job.row + THREADS * ROWS, params.Tk) - 1u).y;\n  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);\n  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();\n  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();\n  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {\n    let qHead = head_start(params.qAt, job.batch, h);\n    let dOHead = head_start(params.dOAt, job.batch, h);\n    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;\n    for (var i = begin; i < end; i += AT_ONCE) {\n      let at = min(vec2u(i + place % WIDTH) + vec2u(0u, 4u), vec2u(params.Tq - 1u));\n      let qRow = qHead + at * params.qAt.z;\n      let dORow = dOHead + at * params.dOAt.z;\n      var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n      var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();\n      for (var d = 0u; d < params.D4; d++) {\n        let x0 = k[kRow.x + d]; let x1 = k[kRow.y + d]; let x2 = k[kRow.z + d]; let x3 = k[kRow.w + d];\n        let y = q[qRow.x + d];\n        var y4 = y;\n        if (WIDTH == 4u) { y4 = q[qRow.y + d]; }\n        let low = four(y, 0u); let high = four(y4, WIDTH - 4u);\n        s0 += x0 * low; s1 += x1 * low; s2 += x2 * low; s3 += x3 * low;\n        s4 += x0 * high; s5 += x1 * high; s6 += x2 * high; s7 += x3 * high;\n      }\n      var w0 = vec4f(); var w1 = vec4f(); var w2 = vec4f(); var w3 = vec4f();\n      var w4 = vec4f(); var w5 = vec4f(); var w6 = vec4f(); var w7 = vec4f();\n      if (!OF_VALUES) {\n        for (var d = 0u; d < params.D4; d++) {\n          let x0 = v[vRow.x + d]; let x1 = v[vRow.y + d]; let x2 = v[vRow.z + d]; let x3 = v[vRow.w + d];\n          let y = dO[dORow.x + d];\n          var y4 = y;\n          if (WIDTH == 4u) { y4 = dO[dORow.y + d]; }\n          let low = four(y, 0u); let high = four(y4, WIDTH - 4u);\n          w0 += x0 * low; w1 += x1 * low; w2 += x2 * low; w3 += x3 * low;\n          w4 += x0 * high; w5 += x1 * high; w6 += x2 * high; w7 += x3 * high;\n        }\n      }\n      let id = vec4u(i) + FOUR;\n      let query = firstQuery + min(id, vec4u(params.Tq - 1u));\n      let query4 = firstQuery + min(id + 4u, vec4u(params.Tq - 1u));\n      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));\n      let st4 = transpose(mat4x2f(stats[query4.x], stats[query4.y], stats[query4.z], stats[query4.w]));\n      let m = transpose(kept_by(query, j.x));\n      let m4 = transpose(kept_by(query4, j.x));\n      w0 = gradient_weight(s0, w0, m[0], within(id, see0), st[0], st[1]);\n      w4 = gradient_weight(s4, w4, m4[0], within(id + 4u, see0), st4[0], st4[1]);\n      w1 = gradient_weight(s1, w1, m[1], within(id, see1), st[0], st[1]);\n      w5 = gradient_weight(s5, w5, m4[1], within(id + 4u, see1), st4[0], st4[1]);\n      w2 = gradient_weight(s2, w2, m[2], within(id, see2), st[0], st[1]);\n      w6 = gradient_weight(s6, w6, m4[2], within(id + 4u, see2), st4[0], st4[1]);\n      w3 = gradient_weight(s3, w3, m[3], within(id, see3), st[0], st[1]);\n      w7 = gradient_weight(s7, w7, m4[3], within(id + 4u, see3), st4[0], st4[1]);\n      let yl = upstream_or_q(left, qRow.x, dORow.x); let yr = upstream_or_q(right, qRow.x, dORow.x);\n      var yl4 = yl; var yr4 = yr;\n      if (WIDTH == 4u) { yl4 = upstream_or_q(left, qRow.y, dORow.y); yr4 = upstream_or_q(right, qRow.y, dORow.y); }\n      for (var n = 0u; n < 4u; n++) {\n        let l0 = row(yl, n); let r0 = row(yr, n);\n        let l1 = row(yl4, n + WIDTH - 4u); let r1 = row(yr4, n + WIDTH - 4u);\n        a0 += w0.x * l0 + w4.x * l1; a1 += w1.x * l0 + w5.x * l1;\n        a2 += w2.x * l0 + w6.x * l1; a3 += w3.x * l0 + w7.x * l1;\n        b0 += w0.x * r0 + w4.x * r1; b1 += w1.x * r0 + w5.x * r1;\n        b2 += w2.x * r0 + w6.x * r1; b3 += w3.x * r0 + w7.x * r1;\n        // The next weights move to the front: indexing by n is slow on adapters that run on a CPU.\n        w0 = w0.yzwx; w1 = w1.yzwx; w2 = w2.yzwx; w3 = w3.yzwx;\n        w4 = w4.yzwx; w5 = w5.yzwx; w6 = w6.yzwx; w7 = w7.yzwx;\n      }\n    }\n  }\n  var at = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;\n  for (var row = rows.x; row < min(rows.x + ROWS, params.Tk); row++) {\n    store_dx(at.x, job.column, a0, b0);\n    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3; at = at.yzwx;\n  }\n}\n\n";

// kernels/attention_tiles.wgsl
var attention_tiles_default = "// Scaled dot-product attention as in attention.wgsl, which has the formulas and \u0394, for GPUs: through tiles in workgroup\n// memory (Dao et al. 2022; the online softmax after Milakov & Gimelshein 2018).\n//\n// forward, dq and dkv are one scheme, x_r += \u03A3_c w(r, c) y_c. A workgroup owns ROWS rows r of one head (queries, or keys)\n// and all columns of x; the other side c streams past, 32 at a time. Both sides come in pieces of 32 columns, so that\n// 16 KiB hold them whatever D is; then the weights take the place of the rows' piece. A thread owns 4 x 4 of the weights\n// and, of each 32 columns of x, 4 x 4. It reads 8 vec4f for 64 products, in both.\n\nconst THREADS: u32 = 128;      // of a workgroup: 8 across, the others down\nconst PIECES: u32 = 4;         // of 32 columns: 1, 2 or 4; PIECES * 32 >= D\nconst MASKED: bool = false;    // `keys` has a mask\nconst PACKED: bool = false;    // `keys` has the documents' bounds\nconst DROPOUT: bool = false;\nconst OF_VALUES: bool = false; // dkv computes dv, else dk\n\nconst ROWS = THREADS / 2u;     // of a workgroup, four per thread\nconst ACROSS = 8u;\nconst OTHERS = 32u;            // rows of the other side in a step\nconst PIECE4 = 8u;             // vec4f columns of a piece\nconst STRIDE = PIECE4 + 1u;    // padded against bank conflicts\nconst ONES = vec4f(1f);\nconst NEVER = 0xffffffffu;\n\n// As in attention.wgsl.\nstruct Params {\n  jobs: u32, heads: u32, group: u32, Tq: u32, Tk: u32, D4: u32, tiles: u32, chunks: u32,\n  scale: f32, causal: u32, maskAt: i32, lengthsAt: i32, stream: u32, p: f32, documentsAt: i32,\n  qAt: vec4u, kAt: vec4u, vAt: vec4u, oAt: vec4u, dOAt: vec4u, dxAt: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> q: array<vec4f>;\n@group(0) @binding(1) var<storage, read> k: array<vec4f>;\n@group(0) @binding(2) var<storage, read> v: array<vec4f>;\n@group(0) @binding(3) var<storage, read> keys: array<i32>;\n@group(0) @binding(4) var<storage, read> state: array<u32>;            // of dropout: (key, key, step, 0)\n@group(0) @binding(5) var<storage, read> dO: array<vec4f>;             // in forward anything: it is not read\n@group(0) @binding(6) var<storage, read_write> o: array<vec4f>;        // forward\n@group(0) @binding(7) var<storage, read_write> lse: array<f32>;        // (B, H, Tq)\n@group(0) @binding(6) var<storage, read> stats: array<vec2f>;          // (B, H, Tq): lse, \u0394; dq, dkv\n@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;\n\nvar<workgroup> own: array<vec4f, ROWS * STRIDE>;       // a piece of the rows, then their weights: [row][vec4f]\nvar<workgroup> other: array<vec4f, OTHERS * STRIDE>;   // a piece of the other side, at `slot` of its row\nvar<workgroup> partial: array<f32, ROWS * ACROSS>;     // of a reduction over a row's threads: [row][across]\n\n/// Where the rows of one head lie in a tensor: the first, from row to row, and how many there are.\nstruct Side { tensor: u32, start: u32, stride: u32, count: u32 }\nconst Q = 0u;\nconst K = 1u;\nconst V = 2u;\nconst DO = 3u;\n\nfn queries_of(tensor: u32, at: vec4u, batch: u32, head: u32) -> Side {\n  return Side(tensor, head_start(at, batch, head), at.z, params.Tq);\n}\n\nfn keys_of(tensor: u32, at: vec4u, batch: u32, head: u32) -> Side {\n  return Side(tensor, head_start(at, batch, head), at.z, params.Tk);\n}\n\n/// A vec4f of a row; the last row again past the end, zeros past the last column.\nfn vec4_of(side: Side, row: u32, column: u32) -> vec4f {\n  if (column >= params.D4) { return vec4f(); }\n  let at = side.start + min(row, side.count - 1u) * side.stride + column;\n  switch side.tensor {\n    case Q: { return q[at]; }\n    case K: { return k[at]; }\n    case V: { return v[at]; }\n    default: { return dO[at]; }\n  }\n}\n\n/// Four adjacent rows of the other side are 8 slots apart: threads that stand side by side then read adjacent slots.\nfn slot(row: u32) -> u32 { return row % 4u * ACROSS + row / 4u; }\n\nfn load_own(side: Side, first: u32, column: u32, lane: u32) {\n  for (var n = lane; n < ROWS * PIECE4; n += THREADS) {\n    own[n / PIECE4 * STRIDE + n % PIECE4] = vec4_of(side, first + n / PIECE4, column + n % PIECE4);\n  }\n}\n\nfn load_other(side: Side, first: u32, column: u32, lane: u32) {\n  for (var n = lane; n < OTHERS * PIECE4; n += THREADS) {\n    other[slot(n / PIECE4) * STRIDE + n % PIECE4] = vec4_of(side, first + n / PIECE4, column + n % PIECE4);\n  }\n}\n\n/// Four slots of the other side, 8 apart, at one vec4f column.\nfn other4(slot: u32, column: u32) -> mat4x4f {\n  let at = slot * STRIDE + column;\n  return mat4x4f(\n    other[at], other[at + ACROSS * STRIDE], other[at + 2u * ACROSS * STRIDE], other[at + 3u * ACROSS * STRIDE]);\n}\n\n/// The products of the thread's four rows (columns of the result) and four of the other side.\nfn products(rows: Side, firstRow: u32, others: Side, firstOther: u32, lane: u32) -> mat4x4f {\n  let at = lane / ACROSS * 4u * STRIDE;\n  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();\n  for (var column = 0u; column < params.D4; column += PIECE4) {\n    workgroupBarrier();  // nobody reads what is overwritten\n    load_own(rows, firstRow, column, lane);\n    load_other(others, firstOther, column, lane);\n    workgroupBarrier();\n    for (var d = 0u; d < PIECE4; d++) {\n      let y = other4(lane % ACROSS, d);\n      s0 += own[at + d] * y; s1 += own[at + STRIDE + d] * y;\n      s2 += own[at + 2u * STRIDE + d] * y; s3 += own[at + 3u * STRIDE + d] * y;\n    }\n  }\n  return mat4x4f(s0, s1, s2, s3);\n}\n\n/// Puts the thread's weights where its rows' piece was.\nfn keep_weights(w: mat4x4f, lane: u32) {\n  let at = lane / ACROSS * 4u * STRIDE + lane % ACROSS;\n  own[at] = w[0]; own[at + STRIDE] = w[1]; own[at + 2u * STRIDE] = w[2]; own[at + 3u * STRIDE] = w[3];\n}\n\n/// x + the weights' product with a piece of the other side: four rows, one vec4f column each.\nfn weighted(x: mat4x4f, others: Side, firstOther: u32, piece: u32, lane: u32) -> mat4x4f {\n  let at = lane / ACROSS * 4u * STRIDE;\n  var x0 = x[0]; var x1 = x[1]; var x2 = x[2]; var x3 = x[3];\n  workgroupBarrier();  // nobody reads what is overwritten\n  load_other(others, firstOther, piece * PIECE4, lane);\n  workgroupBarrier();  // the weights are there, too\n  for (var n = 0u; n < ACROSS; n++) {\n    let y = other4(n, lane % ACROSS);\n    x0 += y * own[at + n]; x1 += y * own[at + STRIDE + n];\n    x2 += y * own[at + 2u * STRIDE + n]; x3 += y * own[at + 3u * STRIDE + n];\n  }\n  return mat4x4f(x0, x1, x2, x3);\n}\n\n/// Shows a row's threads what each of them has of it; follow with a barrier.\nfn share(x: vec4f, lane: u32) {\n  let at = lane / ACROSS * 4u * ACROSS + lane % ACROSS;\n  partial[at] = x.x; partial[at + ACROSS] = x.y; partial[at + 2u * ACROSS] = x.z; partial[at + 3u * ACROSS] = x.w;\n}\n\nfn shared_at(n: u32, lane: u32) -> vec4f {\n  let at = lane / ACROSS * 4u * ACROSS + n;\n  return vec4f(partial[at], partial[at + ACROSS], partial[at + 2u * ACROSS], partial[at + 3u * ACROSS]);\n}\n\n/// How many keys of a sequence there are.\nfn length_of(batch: u32) -> i32 {\n  if (params.lengthsAt < 0) { return i32(params.Tk); }\n  return keys[u32(params.lengthsAt) + batch];\n}\n\nfn hidden(batch: u32, j: u32) -> bool {\n  return keys[u32(params.maskAt) + batch * params.Tk + j] == 0;\n}\n\n/// Where the document of position t begins, and where it ends.\nfn document(batch: u32, t: u32) -> vec2u {\n  if (!PACKED) { return vec2u(0u, NEVER); }\n  let at = u32(params.documentsAt) + 2u * (batch * params.Tk + t);\n  return vec2u(u32(keys[at]), u32(keys[at + 1u]));\n}\n\n/// The keys that query i sees where no mask hides them: from .x up to but without .y.\nfn keys_seen(batch: u32, i: u32, length: i32) -> vec2u {\n  let own = document(batch, i);\n  return vec2u(own.x, min(own.y, keys_end(i, params.Tq, params.Tk, params.causal, length)));\n}\n\n/// The queries that see key j, likewise.\nfn queries_seeing(batch: u32, j: u32) -> vec2u {\n  let own = document(batch, j);\n  return vec2u(max(own.x, queries_start(j, params.Tq, params.Tk, params.causal)), min(own.y, params.Tq));\n}\n\n/// None where it is hidden.\nfn queries_of_key(batch: u32, j: u32, length: i32) -> vec2u {\n  let shut = (MASKED && hidden(batch, j)) || i32(j) >= length;\n  return select(queries_seeing(batch, j), vec2u(), shut);\n}\n\n/// Keys j to j + 3, or NEVER where they are hidden: a query sees those before its end.\nfn open_keys(batch: u32, j: u32) -> vec4u {\n  let key = vec4u(j) + FOUR;\n  if (!MASKED) { return key; }\n  let at = min(key, vec4u(params.Tk - 1u));\n  let shut = vec4<bool>(hidden(batch, at.x), hidden(batch, at.y), hidden(batch, at.z), hidden(batch, at.w));\n  return select(key, vec4u(NEVER), shut);\n}\n\n/// M of four queries (columns) and keys j to j + 3 (rows), j a multiple of 4.\nfn kept_by(query: vec4u, j: u32) -> mat4x4f {\n  if (!DROPOUT) { return mat4x4f(ONES, ONES, ONES, ONES); }\n  return mat4x4f(kept(query.x, j), kept(query.y, j), kept(query.z, j), kept(query.w, j));\n}\n\nfn kept(query: u32, j: u32) -> vec4f {\n  return kept_keys(query, j, params.stream, params.p, vec2u(state[0], state[1]), state[2]);\n}\n\n/// Four entries of dS; of M \u2218 P for dv.\nfn gradient_weight(s: vec4f, dp: vec4f, m: vec4f, seen: vec4<bool>, rowLse: vec4f, rowDelta: vec4f) -> vec4f {\n  return score_weight(s * params.scale, seen, rowLse) * select(m * dp - rowDelta, m, vec4<bool>(OF_VALUES));\n}\n\nfn store_o(at: vec4u, rows: vec4u, piece: u32, lane: u32, x: mat4x4f, factor: vec4f) {\n  let column = piece * PIECE4 + lane % ACROSS;\n  if (column >= params.D4) { return; }\n  for (var n = 0u; n < 4u; n++) {\n    if (rows[n] < params.Tq) { o[at[n] + column] = x[n] * factor[n]; }\n  }\n}\n\nfn store_dx(at: vec4u, rows: vec4u, count: u32, piece: u32, lane: u32, x: mat4x4f) {\n  let column = piece * PIECE4 + lane % ACROSS;\n  if (column >= params.D4) { return; }\n  let factor = select(params.scale, 1f, OF_VALUES);\n  for (var n = 0u; n < 4u; n++) {\n    if (rows[n] < count) { dx[at[n] + column] = x[n] * factor; }\n  }\n}\n\n@compute @workgroup_size(THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, ROWS, 1u, 0u);\n  let rows = vec4u(job.row + lane / ACROSS * 4u) + FOUR;\n  let i = min(rows, vec4u(params.Tq - 1u));\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qs = queries_of(Q, params.qAt, job.batch, job.head);\n  let ks = keys_of(K, params.kAt, job.batch, job.head / params.group);\n  let vs = keys_of(V, params.vAt, job.batch, job.head / params.group);\n  let length = length_of(job.batch);\n  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);\n  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);\n  let begin = keys_seen(job.batch, job.row, length).x / OTHERS * OTHERS;\n  let end = keys_seen(job.batch, min(job.row + ROWS, params.Tq) - 1u, length).y;\n  var x0 = mat4x4f(); var x1 = mat4x4f(); var x2 = mat4x4f(); var x3 = mat4x4f();\n  var top = vec4f(LOWEST);\n  var total = vec4f();   // over this thread's keys\n  for (var first = begin; first < end; first += OTHERS) {\n    let s = products(qs, job.row, ks, first, lane) * params.scale;\n    let j = first + lane % ACROSS * 4u;\n    let key = open_keys(job.batch, j);\n    let open0 = within(key, see0); let open1 = within(key, see1);\n    let open2 = within(key, see2); let open3 = within(key, see3);\n    let lowest = vec4f(LOWEST);\n    share(vec4f(\n      max_of_four(select(lowest, s[0], open0)), max_of_four(select(lowest, s[1], open1)),\n      max_of_four(select(lowest, s[2], open2)), max_of_four(select(lowest, s[3], open3))), lane);\n    workgroupBarrier();\n    let before = top;\n    for (var n = 0u; n < ACROSS; n++) { top = max(top, shared_at(n, lane)); }\n    let rescale = exp(max(before - top, vec4f(EXP_MIN)));\n    let p0 = score_weight(s[0], open0, vec4f(top.x)); let p1 = score_weight(s[1], open1, vec4f(top.y));\n    let p2 = score_weight(s[2], open2, vec4f(top.z)); let p3 = score_weight(s[3], open3, vec4f(top.w));\n    total = total * rescale + vec4f(sum_of_four(p0), sum_of_four(p1), sum_of_four(p2), sum_of_four(p3));\n    let m = kept_by(query, j);\n    keep_weights(mat4x4f(p0 * m[0], p1 * m[1], p2 * m[2], p3 * m[3]), lane);\n    x0 = weighted(rescaled(x0, rescale), vs, first, 0u, lane);\n    if (PIECES > 1u) { x1 = weighted(rescaled(x1, rescale), vs, first, 1u, lane); }\n    if (PIECES > 2u) {\n      x2 = weighted(rescaled(x2, rescale), vs, first, 2u, lane);\n      x3 = weighted(rescaled(x3, rescale), vs, first, 3u, lane);\n    }\n  }\n  workgroupBarrier();\n  share(total, lane);\n  workgroupBarrier();\n  total = vec4f();\n  for (var n = 0u; n < ACROSS; n++) { total += shared_at(n, lane); }\n  let some = total > vec4f();\n  let inverse = select(vec4f(), 1f / total, some);\n  let at = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z;\n  store_o(at, rows, 0u, lane, x0, inverse);\n  if (PIECES > 1u) { store_o(at, rows, 1u, lane, x1, inverse); }\n  if (PIECES > 2u) { store_o(at, rows, 2u, lane, x2, inverse); store_o(at, rows, 3u, lane, x3, inverse); }\n  if (lane % ACROSS != 0u) { return; }\n  for (var n = 0u; n < 4u; n++) {\n    if (rows[n] < params.Tq) { lse[query[n]] = select(0f, top[n] + log_safe(total[n]), some[n]); }\n  }\n}\n\nfn rescaled(x: mat4x4f, factor: vec4f) -> mat4x4f {\n  return mat4x4f(x[0] * factor.x, x[1] * factor.y, x[2] * factor.z, x[3] * factor.w);\n}\n\n@compute @workgroup_size(THREADS)\nfn dq(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, ROWS, 1u, 0u);\n  let rows = vec4u(job.row + lane / ACROSS * 4u) + FOUR;\n  let i = min(rows, vec4u(params.Tq - 1u));\n  let query = (job.batch * params.heads + job.head) * params.Tq + i;\n  let qs = queries_of(Q, params.qAt, job.batch, job.head);\n  let dOs = queries_of(DO, params.dOAt, job.batch, job.head);\n  let ks = keys_of(K, params.kAt, job.batch, job.head / params.group);\n  let vs = keys_of(V, params.vAt, job.batch, job.head / params.group);\n  let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));\n  let length = length_of(job.batch);\n  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);\n  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);\n  let begin = keys_seen(job.batch, job.row, length).x / OTHERS * OTHERS;\n  let end = keys_seen(job.batch, min(job.row + ROWS, params.Tq) - 1u, length).y;\n  var x0 = mat4x4f(); var x1 = mat4x4f(); var x2 = mat4x4f(); var x3 = mat4x4f();\n  for (var first = begin; first < end; first += OTHERS) {\n    let s = products(qs, job.row, ks, first, lane);\n    let dp = products(dOs, job.row, vs, first, lane);\n    let j = first + lane % ACROSS * 4u;\n    let key = open_keys(job.batch, j);\n    let m = kept_by(query, j);\n    workgroupBarrier();  // the rows' piece has been read\n    keep_weights(mat4x4f(\n      gradient_weight(s[0], dp[0], m[0], within(key, see0), vec4f(st[0].x), vec4f(st[1].x)),\n      gradient_weight(s[1], dp[1], m[1], within(key, see1), vec4f(st[0].y), vec4f(st[1].y)),\n      gradient_weight(s[2], dp[2], m[2], within(key, see2), vec4f(st[0].z), vec4f(st[1].z)),\n      gradient_weight(s[3], dp[3], m[3], within(key, see3), vec4f(st[0].w), vec4f(st[1].w))), lane);\n    x0 = weighted(x0, ks, first, 0u, lane);\n    if (PIECES > 1u) { x1 = weighted(x1, ks, first, 1u, lane); }\n    if (PIECES > 2u) { x2 = weighted(x2, ks, first, 2u, lane); x3 = weighted(x3, ks, first, 3u, lane); }\n  }\n  let at = head_start(params.dxAt, job.batch, job.head) + i * params.dxAt.z;\n  store_dx(at, rows, params.Tq, 0u, lane, x0);\n  if (PIECES > 1u) { store_dx(at, rows, params.Tq, 1u, lane, x1); }\n  if (PIECES > 2u) { store_dx(at, rows, params.Tq, 2u, lane, x2); store_dx(at, rows, params.Tq, 3u, lane, x3); }\n}\n\n@compute @workgroup_size(THREADS)\nfn dkv(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = group.x + group.y * groups.x;\n  if (index >= params.jobs) { return; }\n  let job = job_of(index, params.heads, params.tiles, ROWS, 1u, 0u);\n  let rows = vec4u(job.row + lane / ACROSS * 4u) + FOUR;\n  let j = min(rows, vec4u(params.Tk - 1u));\n  let ks = keys_of(K, params.kAt, job.batch, job.head);\n  let vs = keys_of(V, params.vAt, job.batch, job.head);\n  let length = length_of(job.batch);\n  let see0 = queries_of_key(job.batch, j.x, length); let see1 = queries_of_key(job.batch, j.y, length);\n  let see2 = queries_of_key(job.batch, j.z, length); let see3 = queries_of_key(job.batch, j.w, length);\n  let begin = queries_seeing(job.batch, job.row).x / OTHERS * OTHERS;\n  let end = queries_seeing(job.batch, min(job.row + ROWS, params.Tk) - 1u).y;\n  var x0 = mat4x4f(); var x1 = mat4x4f(); var x2 = mat4x4f(); var x3 = mat4x4f();\n  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {\n    let qs = queries_of(Q, params.qAt, job.batch, h);\n    let dOs = queries_of(DO, params.dOAt, job.batch, h);\n    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;\n    for (var first = begin; first < end; first += OTHERS) {\n      let s = products(ks, job.row, qs, first, lane);\n      var dp = mat4x4f();\n      if (!OF_VALUES) { dp = products(vs, job.row, dOs, first, lane); }\n      let id = vec4u(first + lane % ACROSS * 4u) + FOUR;\n      let query = firstQuery + min(id, vec4u(params.Tq - 1u));\n      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));\n      let m = transpose(kept_by(query, rows.x));\n      workgroupBarrier();  // the rows' piece has been read\n      keep_weights(mat4x4f(\n        gradient_weight(s[0], dp[0], m[0], within(id, see0), st[0], st[1]),\n        gradient_weight(s[1], dp[1], m[1], within(id, see1), st[0], st[1]),\n        gradient_weight(s[2], dp[2], m[2], within(id, see2), st[0], st[1]),\n        gradient_weight(s[3], dp[3], m[3], within(id, see3), st[0], st[1])), lane);\n      var ys = qs;\n      if (OF_VALUES) { ys = dOs; }\n      x0 = weighted(x0, ys, first, 0u, lane);\n      if (PIECES > 1u) { x1 = weighted(x1, ys, first, 1u, lane); }\n      if (PIECES > 2u) { x2 = weighted(x2, ys, first, 2u, lane); x3 = weighted(x3, ys, first, 3u, lane); }\n    }\n  }\n  let at = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;\n  store_dx(at, rows, params.Tk, 0u, lane, x0);\n  if (PIECES > 1u) { store_dx(at, rows, params.Tk, 1u, lane, x1); }\n  if (PIECES > 2u) { store_dx(at, rows, params.Tk, 2u, lane, x2); store_dx(at, rows, params.Tk, 3u, lane, x3); }\n}\n";

// src/ops/attention.ts
init_errors();

// src/ops/attention_inputs.ts
init_errors();
function checkInputs2(q, k, v, options) {
  for (const [name, x2] of Object.entries({ q, k, v })) {
    expectDType("attention", name, x2, "f32");
    if (x2.rank === 4) continue;
    throw new ShapeError(
      `attention: ${name} is ${format(x2.shape)}, expected four axes [batch, heads, time, D]`
    );
  }
  const [B, H, Tq, D] = q.shape;
  const [, Hkv, Tk] = k.shape;
  if (H % Hkv !== 0) {
    throw new ShapeError(
      `attention: the ${H} heads of q ${format(q.shape)} cannot share the ${Hkv} of k ${format(k.shape)} evenly`
    );
  }
  if (!sameShape(k.shape, [B, Hkv, Tk, D]) || !sameShape(k.shape, v.shape)) {
    throw new ShapeError(
      `attention: q is ${format(q.shape)}, k ${format(k.shape)} and v ${format(v.shape)}; expected [B, H, Tq, D] and twice [B, Hkv, Tk, D]`
    );
  }
  const { keyMask, keyLengths, documents } = options;
  if (keyMask) {
    expectDType("attention", "keyMask", keyMask, "i32", "u32");
    expectShape("attention", "keyMask", keyMask, [B, Tk]);
  }
  if (keyLengths) {
    expectDType("attention", "keyLengths", keyLengths, "i32", "u32");
    expectShape("attention", "keyLengths", keyLengths, [B]);
  }
  if (documents) {
    expectDType("attention", "documents", documents, "i32");
    expectShape("attention", "documents", documents, [B, Tq, 2]);
    expectShape("attention", "documents", documents, [B, Tk, 2]);
  }
}
function keyFilterOf({ keyMask, keyLengths, documents }, none) {
  const parts = { maskAt: keyMask, lengthsAt: keyLengths, documentsAt: documents };
  const starts = { maskAt: -1, lengthsAt: -1, documentsAt: -1 };
  const given = Object.entries(parts).filter(
    (part) => part[1] !== void 0
  );
  const [first, ...others] = given;
  if (!first) return { keys: none, starts };
  if (others.length === 0) {
    const keys = first[1].isDense ? first[1] : denseCopy(first[1]);
    return { keys, starts: { ...starts, [first[0]]: bindingStart(keys) } };
  }
  let length = 0;
  for (const [name, x2] of given) {
    starts[name] = length;
    length += x2.size;
  }
  return { keys: concat(given.map(([, x2]) => reshape(cast(x2, "i32"), [-1]))), starts };
}

// src/ops/layout.ts
function allocateLike(x2) {
  var _stack = [];
  try {
    const last = x2.rank - 1;
    const leading = x2.shape.map((_2, axis) => axis).slice(0, last);
    const order = [...leading.sort((a, b) => x2.strides[b] - x2.strides[a] || a - b), last];
    const memory = __using(_stack, allocate(
      x2.runtime,
      order.map((axis) => x2.shape[axis]),
      x2.dtype
    ));
    const inMemory = denseStrides(memory.shape);
    const strides = x2.shape.map((_2, axis) => inMemory[order.indexOf(axis)]);
    return memory.alias(x2.shape, strides, memory.offset);
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function withDenseRows(x2, unit) {
  const rows2 = x2.shape.slice(0, -1);
  const aligned = rows2.every((size, axis) => size <= 1 || x2.strides[axis] % unit === 0);
  const unitStride = x2.strides.at(-1) === 1 || x2.shape.at(-1) === 1;
  return aligned && unitStride && x2.offset % unit === 0 ? x2 : denseCopy(x2);
}

// src/ops/attention.ts
var kernel15 = kernelFile("attention", attention_default2);
var single = kernelFile("attention_single", attention_single_default);
var kernels2 = {
  subgroups: kernelFile("attention_subgroups", attention_subgroups_default),
  tiles: kernelFile("attention_tiles", attention_tiles_default),
  rows: kernelFile("attention_rows", attention_rows_default),
  registers: kernel15
};
var SMALL = 256;
var attentionFamily = {
  name: "attention",
  variants: ["subgroups", "tiles", "rows", "registers"],
  shipped: ({ software, architecture }, shapeClass) => {
    if (!software) return "tiles";
    const [, T2, D] = sizesOf(shapeClass);
    return architecture === "swiftshader" && T2 * D <= SMALL ? "rows" : "subgroups";
  }
};
var ROWS_PER_THREAD = 4;
var COLUMNS = 32;
var THREADS = { software: 8, hardware: 32 };
var FEWEST_SHARING = 4;
var TILE_THREADS = 128;
var PIECE = 32;
var TILES_MAX_D = 4 * PIECE;
var FEW_QUERIES = 4;
var SINGLE_MAX_D = 256;
function attention(q, k, v, options = {}) {
  checkInputs2(q, k, v, options);
  const D = q.shape[3];
  const { causal = false, dropout: p = 0, scale = 1 / Math.sqrt(D) } = options;
  if (!(p >= 0 && p < 1)) {
    throw new ConfigError(
      `attention: dropout is a probability from 0 up to but without 1, got ${p}`
    );
  }
  if (q.size === 0 || k.size === 0) return zeroAttention(q, k, v);
  if (D % 4 !== 0) {
    const after = [0, 0, 0, 4 - D % 4];
    const [q4, k4, v4] = [q, k, v].map((x2) => pad(x2, { before: [0, 0, 0, 0], after }));
    return slice(attention(q4, k4, v4, { ...options, scale }), { end: q.shape });
  }
  const state = randomState(q.runtime);
  const { keys, starts } = keyFilterOf(options, state.tensor);
  const stream = p > 0 ? state.nextStream() : 0;
  const setting2 = { causal, scale, p, stream, ...starts };
  return attend([q, k, v], keys, state.tensor, setting2);
}
function attend(given, keys, state, setting2) {
  const operands = given.map((x2) => withDenseRows(x2, 4));
  const [q] = operands;
  const output = allocateLike(q);
  const lse = allocate(q.runtime, q.shape.slice(0, 3), "f32");
  const { p, documentsAt } = setting2;
  const small = q.shape[2] <= FEW_QUERIES && q.shape[3] <= SINGLE_MAX_D;
  const few = small && p === 0 && documentsAt < 0;
  if (few) launchSingle(operands, keys, [output, lse], setting2);
  else {
    const params = { ...paramsOf(operands, setting2), oAt: layoutOf(output) };
    const inputs = [...operands, keys, state];
    launchTiles(
      "forward",
      { inputs, outputs: [output, lse], rows: q, params, products: 2 },
      setting2
    );
  }
  const wanted = given.map((x2) => x2.edge !== null);
  const result2 = record({
    name: "attention",
    inputs: given,
    output,
    saved: [...operands, keys, state, output, lse],
    backward: null,
    fused: (dy, saved) => gradients(dy, saved, wanted, setting2)
  });
  for (const [n, x2] of given.entries()) if (operands[n] !== x2) operands[n].dispose();
  lse.dispose();
  return result2;
}
function launchSingle(operands, keys, outputs, setting2) {
  const [q, k] = operands;
  const D = q.shape[3];
  const queries = q.size / D;
  const LANES = Math.max(lanesFor(q.runtime), 2 ** Math.ceil(Math.log2(D / 4)));
  launch(single, "forward", {
    inputs: [...operands, keys],
    outputs,
    params: { ...sharedParams(operands, setting2), queries, oAt: layoutOf(outputs[0]) },
    constants: { LANES },
    workgroups: queries,
    flops: flopsOf(q, k, 2),
    strided: true
  });
}
function gradients(dy, saved, wanted, setting2) {
  const [q, k, v] = saved;
  const [keys, state, output, lse] = saved.slice(3);
  const dO = withDenseRows(dy, 4);
  const [B, H, Tq] = q.shape;
  const params = { ...paramsOf([q, k, v], setting2), oAt: layoutOf(output), dOAt: layoutOf(dO) };
  const stats = allocate(q.runtime, [B, H, Tq, 2], "f32");
  const jobs = B * H * Tq;
  launch(kernel15, "delta", {
    inputs: [output, dO, lse],
    outputs: [stats],
    params: { ...params, jobs },
    workgroups: groupsFor(jobs),
    flops: 2 * q.size,
    strided: true
  });
  const inputs = [q, k, v, keys, state, dO, stats];
  const gradientOf = (x2, entry, products, ofValues = false) => {
    const dx = allocateLike(x2);
    const owned = { ...params, dxAt: layoutOf(dx) };
    const constants3 = { OF_VALUES: String(ofValues) };
    launchTiles(
      entry,
      { inputs, outputs: [dx], rows: x2, params: owned, products, constants: constants3 },
      setting2
    );
    return dx;
  };
  return [
    wanted[0] ? gradientOf(q, "dq", 3) : null,
    wanted[1] ? gradientOf(k, "dkv", 3) : null,
    wanted[2] ? gradientOf(v, "dkv", 2, true) : null
  ];
}
function launchTiles(entry, tiles, setting2) {
  const { p, causal, maskAt, documentsAt } = setting2;
  const { inputs, outputs, rows: rows2, params, products, constants: constants3 } = tiles;
  const [B, heads, T2, D] = rows2.shape;
  const variant = variantOf(rows2);
  const { threads, rowsPerGroup, columns, sizes } = geometryOf(variant, rows2);
  const perHead = Math.ceil(T2 / rowsPerGroup);
  const chunks = Math.ceil(D / columns);
  const jobs = B * heads * perHead * chunks;
  const all = variant === "tiles" && entry === "forward" ? [...inputs, inputs[0]] : inputs;
  launch(kernels2[variant], entry, {
    inputs: all,
    outputs,
    params: { ...params, heads, tiles: perHead, chunks, jobs },
    constants: {
      ...constants3,
      THREADS: threads,
      MASKED: String(maskAt >= 0),
      PACKED: String(documentsAt >= 0),
      DROPOUT: String(p > 0),
      ...sizes
    },
    workgroups: jobs,
    flops: flopsOf(inputs[0], inputs[1], products) / (causal ? 2 : 1),
    strided: true
  });
}
function variantOf(rows2) {
  const [B, heads, T2, D] = rows2.shape;
  const { gpu } = rows2.runtime;
  const shapeClass = [B * heads, T2, D].map(sizeClass2).join(" ");
  return variantFor(rows2.runtime, attentionFamily, shapeClass, (variant) => {
    if (variant === "subgroups") return gpu.subgroupMinSize >= FEWEST_SHARING;
    return variant === "registers" || D <= TILES_MAX_D;
  });
}
function geometryOf(variant, { shape, runtime: { gpu } }) {
  const D = shape[3];
  if (variant === "tiles") {
    const threads2 = TILE_THREADS;
    const pieces = 2 ** Math.ceil(Math.log2(Math.ceil(D / PIECE)));
    return { threads: threads2, rowsPerGroup: threads2 / 2, columns: D, sizes: { PIECES: pieces } };
  }
  const threads = gpu.adapter.software ? THREADS.software : THREADS.hardware;
  if (variant === "rows") return { threads, rowsPerGroup: threads, columns: 8, sizes: {} };
  const sizes = variant === "subgroups" ? { WIDTH: gpu.subgroupMinSize < 8 ? FEWEST_SHARING : 8 } : {};
  return { threads, rowsPerGroup: ROWS_PER_THREAD * threads, columns: COLUMNS, sizes };
}
var flopsOf = (q, k, products) => products * 2 * q.size * k.shape[2];
function paramsOf(operands, setting2) {
  const { stream, p, documentsAt } = setting2;
  const unused = [0, 0, 0, 0];
  const layouts = { oAt: unused, dOAt: unused, dxAt: unused };
  return {
    ...sharedParams(operands, setting2),
    jobs: 0,
    tiles: 0,
    chunks: 0,
    stream,
    p,
    documentsAt,
    ...layouts
  };
}
function sharedParams([q, k, v], setting2) {
  const [, H, Tq, D] = q.shape;
  const [, Hkv, Tk] = k.shape;
  const { scale, causal, maskAt, lengthsAt } = setting2;
  const sizes = { heads: H, group: H / Hkv, Tq, Tk, D4: D / 4 };
  const layouts = { qAt: layoutOf(q), kAt: layoutOf(k), vAt: layoutOf(v) };
  return { ...sizes, scale, causal: Number(causal), maskAt, lengthsAt, ...layouts };
}
function layoutOf(x2) {
  const [batch, head, time] = x2.strides;
  return [batch, head, time, bindingStart(x2)].map((n) => Math.floor(n / 4));
}
function zeroAttention(q, k, v) {
  const zeros2 = (x2) => full(x2.runtime, x2.shape, 0, "f32");
  const inputs = [q, k, v];
  const backward2 = () => inputs.map(zeros2);
  return record({ name: "attention", inputs, output: zeros2(q), saved: [], backward: backward2 });
}

// kernels/cache.wgsl
var cache_default = "// A cache of keys and values: those of T more positions go to where each sequence has come.\n//   keys[b, h, lengths[b] + t, d] = k[b, h, t, d], and values likewise        k, v (B, H, T, D)   keys, values (B, H, S, D)\n// The lengths are on the device, so that one recorded step can be replayed. What would lie past the end, S, is left out,\n// and a fault. A thread owns elements.\n\nstruct Params {\n  size: u32,               // elements of k\n  H: u32, T: u32, D: u32, S: u32,\n  fault: u32,\n  kAt: vec4u,              // strides along b, h and t, and the start; the elements of a row are neighbours\n  vAt: vec4u,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> k: array<f32>;\n@group(0) @binding(1) var<storage, read> v: array<f32>;\n@group(0) @binding(2) var<storage, read> lengths: array<u32>;              // (B)\n@group(0) @binding(3) var<storage, read_write> keys: array<f32>;\n@group(0) @binding(4) var<storage, read_write> values: array<f32>;\n@group(0) @binding(5) var<storage, read_write> fault: array<u32>;\n\n@compute @workgroup_size(SPAN_THREADS)\nfn append(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let d = i % params.D;\n    let t = i / params.D % params.T;\n    let head = i / (params.D * params.T);   // of all sequences\n    let b = head / params.H;\n    let h = head % params.H;\n    let place = lengths[b] + t;\n    if (place < params.S) {\n      let to = (head * params.S + place) * params.D + d;\n      keys[to] = k[params.kAt.w + b * params.kAt.x + h * params.kAt.y + t * params.kAt.z + d];\n      values[to] = v[params.vAt.w + b * params.vAt.x + h * params.vAt.y + t * params.vAt.z + d];\n    } else if (fault[0] == 0u) {\n      fault[0] = params.fault;\n    }\n  }\n}\n";

// src/ops/cache.ts
var kernel16 = kernelFile("cache", cache_default);
function appendToCache({ keys, values }, k, v, lengths) {
  const [B, H, S, D] = keys.shape;
  const T2 = k.shape[2];
  expectShape("appendToCache", "values", values, keys.shape);
  expectShape("appendToCache", "k", k, [B, H, T2, D]);
  expectShape("appendToCache", "v", v, k.shape);
  expectShape("appendToCache", "lengths", lengths, [B]);
  expectDType("appendToCache", "lengths", lengths, "i32", "u32");
  for (const [name, x2] of Object.entries({ keys, values, k, v }))
    expectDType("appendToCache", name, x2, "f32");
  const rows2 = [k, v].map((x2) => withDenseRows(x2, 1));
  const { constants: constants3, workgroups } = spansOf(k.runtime, k.size);
  launch(kernel16, "append", {
    inputs: [...rows2, k.runtime.dense(lengths)],
    outputs: [keys, values],
    params: { size: k.size, H, T: T2, D, S, kAt: layoutOf2(rows2[0]), vAt: layoutOf2(rows2[1]) },
    constants: constants3,
    workgroups,
    strided: true,
    fault: `appendToCache: ${format(k.shape)} does not fit behind the lengths into ${S} positions`
  });
  for (const [i, x2] of [k, v].entries()) if (rows2[i] !== x2) rows2[i].dispose();
}
function layoutOf2(x2) {
  return [...x2.strides.slice(0, 3), bindingStart(x2)];
}

// src/llm/transformer_config.ts
init_errors();
function headSizeOf({ headSize, width, heads }) {
  return headSize ?? width / heads;
}
function checkConfig(config) {
  const { width, heads, keyValueHeads, headSize, positions } = config;
  if (headSize === void 0 && width % heads !== 0)
    throw new ConfigError(`width ${width} is no multiple of heads ${heads}`);
  if (heads % keyValueHeads !== 0)
    throw new ConfigError(`heads ${heads} is no multiple of keyValueHeads ${keyValueHeads}`);
  if (positions.startsWith("rope") && headSizeOf(config) % 2 !== 0) {
    const which = headSize === void 0 ? "width / heads" : "headSize";
    throw new ConfigError(`rope needs an even head size, got ${which} = ${headSizeOf(config)}`);
  }
  if (positions === "sinusoidal" && width % 2 !== 0)
    throw new ConfigError(`sinusoidal positions need an even width, got ${width}`);
}

// src/llm/key_value_cache.ts
var KeyValueCache = class {
  constructor(device2, config, batch, positions = config.context) {
    this.device = device2;
    this.batch = batch;
    this.positions = positions;
    const shape = [batch, config.keyValueHeads, positions, headSizeOf(config)];
    this.layers = Array.from({ length: config.layers }, () => ({
      keys: device2.zeros(shape),
      values: device2.zeros(shape)
    }));
    this.lengths = device2.zeros([batch], { dtype: "i32" });
  }
  device;
  batch;
  positions;
  layers;
  /** [B] i32: tokens of each sequence so far. */
  lengths;
  /** The same where the host knows it, and it is the same for all. */
  known = 0;
  /** The layers' parts for a call that brings T tokens per sequence. @throws ShapeError where that is not possible. */
  next(T2) {
    const { known, lengths, batch } = this;
    if (known === null && T2 !== 1)
      throw new ShapeError(`KeyValueCache: ${T2} tokens at once; after the first call it is one`);
    this.known = null;
    if (known === null) return this.through(reshape(lengths, [batch, 1]), this.oneMore());
    if (known === 0)
      return this.through(void 0, (q, k, v) => attention(q, k, v, { causal: true }));
    const rows2 = Int32Array.from({ length: batch * T2 }, (_, i) => known + i % T2);
    const positions = this.device.tensor(rows2, { shape: [batch, T2] });
    return this.through(positions, this.after(known));
  }
  through(positions, attend2) {
    return this.layers.map((layer) => ({
      positions,
      attend: (q, k, v) => {
        appendToCache(layer, k, v, this.lengths);
        return attend2(q, k, v, layer);
      }
    }));
  }
  /** One token of each sequence sees all of its own. */
  oneMore() {
    const keyLengths = add(this.lengths, 1);
    return (q, _k, _v, { keys, values }) => attention(q, keys, values, { keyLengths });
  }
  /** Some tokens of each sequence, behind `known` of it: the last one sees all. */
  after(known) {
    return (q, k, _v, { keys, values }) => {
      const [B, H, T2, D] = k.shape;
      const filled = (x2) => slice(x2, { end: [B, H, known + T2, D] });
      return attention(q, filled(keys), filled(values), { causal: true });
    };
  }
  /** Tells how many tokens each sequence has: after the first call the prompts' lengths. */
  setLengths(lengths) {
    this.lengths.write(Int32Array.from(lengths));
  }
  /** One token more for every sequence, on the device. */
  advance() {
    var _stack = [];
    try {
      const more = __using(_stack, add(this.lengths, 1));
      writeAt(this.lengths, more, 0);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  /** Row i becomes what row order[i] was. */
  reorder(order) {
    this.device.scope(() => {
      const rows2 = this.device.tensor(Int32Array.from(order), { shape: [this.batch] });
      for (const x2 of this.layers.flatMap(({ keys, values }) => [keys, values])) {
        const flat = reshape(x2, [this.batch, -1]);
        writeAt(x2, reshape(embedding(flat, rows2), x2.shape), 0);
      }
    });
  }
  /** Forgets all but the first `count` tokens of each sequence; the next call may bring many. */
  keep(count2) {
    this.lengths.write(new Int32Array(this.batch).fill(count2));
    this.known = count2;
  }
  /** Makes room for so many tokens of each sequence. A step that was captured before must not run again. */
  reserve(positions) {
    const more = positions - this.positions;
    if (more <= 0) return;
    const room = { before: [0, 0, 0, 0], after: [0, 0, more, 0] };
    for (const layer of this.layers) {
      for (const name of ["keys", "values"]) {
        const larger = pad(layer[name], room);
        layer[name].dispose();
        layer[name] = larger;
      }
    }
    this.positions = positions;
  }
  dispose() {
    for (const { keys, values } of this.layers) {
      keys.dispose();
      values.dispose();
    }
    this.lengths.dispose();
  }
};

// src/llm/generate.ts
async function generate(device2, model, prompts, options) {
  var _stack = [];
  try {
    const { maxNewTokens, readEvery = 16, onTokens, stop, signal } = options;
    const rows2 = prompts.map((prompt) => Array.from(prompt));
    check(rows2, model, options);
    if (maxNewTokens === 0 || rows2.length === 0)
      return rows2.map(() => ({ newIds: [], logProbs: [], finishReason: "length" }));
    const batch = __using(_stack, new Continuation(device2, model, rows2, options));
    batch.readPrompts();
    let drawn = 1;
    let told = rows2.map(() => 0);
    for (; ; ) {
      const due = Math.min(maxNewTokens, drawn === 1 ? Math.min(2, readEvery) : drawn + readEvery);
      for (; drawn < due; drawn++) batch.step();
      const { generated, ended } = await batch.read(drawn);
      const news = generated.map(({ newIds }, row) => newIds.slice(told[row]));
      told = generated.map(({ newIds }) => newIds.length);
      onTokens?.(news);
      const stopped = stop?.(generated.map(({ newIds }) => newIds)) || signal?.aborted;
      if (stopped || ended || drawn === maxNewTokens) {
        batch.keepPrefix(drawn, generated);
        return generated.map(
          (row) => row.finishReason === "length" && drawn < maxNewTokens ? { ...row, finishReason: "stopped" } : row
        );
      }
    }
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
var Continuation = class {
  constructor(device2, model, rows2, options) {
    this.device = device2;
    this.model = model;
    this.rows = rows2;
    this.options = options;
    const { maxNewTokens, seed = 0, prefix } = options;
    const { vocabularySize } = model.config;
    const positions = Math.max(...rows2.map((row) => row.length)) + maxNewTokens - 1;
    const own = () => new KeyValueCache(device2, model.config, rows2.length, positions);
    const { cache, kept: kept2 } = prefix?.begin(rows2[0], positions) ?? { cache: own(), kept: 0 };
    this.cache = cache;
    this.kept = kept2;
    const seeds = typeof seed === "number" ? rows2.map((_, i) => seed + i) : seed;
    this.state = samplingState(device2, seeds, { capacity: maxNewTokens, vocabularySize });
    const seen = new Uint32Array(rows2.length * vocabularySize);
    for (const [row, ids] of rows2.entries())
      for (const id of ids) seen[row * vocabularySize + id] = 1;
    this.state.seen.write(seen);
  }
  device;
  model;
  rows;
  options;
  cache;
  /** Tokens of the prompt that the cache holds already. */
  kept;
  state;
  captured = null;
  /** Runs what is new of the prompts, padded at their ends to one length, and draws the first tokens. */
  readPrompts() {
    const { device: device2, model, rows: rows2, cache, kept: kept2 } = this;
    const T2 = Math.max(...rows2.map((row) => row.length)) - kept2;
    const padded3 = Int32Array.from(
      { length: rows2.length * T2 },
      (_, i) => rows2[Math.floor(i / T2)][kept2 + i % T2] ?? 0
    );
    const last = Int32Array.from(rows2, (row, i) => i * T2 + row.length - kept2 - 1);
    device2.scope(
      () => noGrad(() => {
        const ids = device2.tensor(padded3, { shape: [rows2.length, T2] });
        const hidden = model.hidden(ids, { cache });
        cache.setLengths(rows2.map((row) => row.length - 1));
        const ends = embedding(
          reshape(hidden, [-1, model.config.width]),
          device2.tensor(last, { shape: [rows2.length] })
        );
        sampleInto(this.state, model.logits(ends), cache.lengths, this.options);
      })
    );
  }
  /** One more token for each row. */
  step() {
    if (this.captured) this.captured();
    else this.captured = this.device.capture(() => this.continueRows());
  }
  continueRows() {
    const { model, cache, state, rows: rows2 } = this;
    noGrad(() => {
      const hidden = model.hidden(reshape(state.next, [rows2.length, 1]), { cache });
      const logits = model.logits(reshape(hidden, [rows2.length, -1]));
      sampleInto(state, logits, cache.lengths, this.options);
    });
  }
  /** The tokens so far, cut at the end tokens. */
  async read(drawn) {
    const { ends = [], maxNewTokens } = this.options;
    const words2 = await this.state.drawn.data();
    const floats = new Float32Array(words2.buffer, words2.byteOffset, words2.length);
    const generated = this.rows.map((_, row) => {
      const at = (step) => 2 * (row * maxNewTokens + step);
      const ids = Array.from({ length: drawn }, (_2, step) => words2[at(step)]);
      const end = ids.findIndex((id) => ends.includes(id));
      const length = end < 0 ? drawn : end + 1;
      return {
        newIds: ids.slice(0, length),
        logProbs: ids.slice(0, length).map((_2, step) => floats[at(step) + 1]),
        finishReason: end < 0 ? "length" : "end"
      };
    });
    return { generated, ended: generated.every(({ finishReason }) => finishReason === "end") };
  }
  /** Tells the cache that outlives this call what it holds: all but the last draw was read. */
  keepPrefix(drawn, [row]) {
    this.options.prefix?.holds([...this.rows[0], ...row.newIds.slice(0, drawn - 1)]);
  }
  [Symbol.dispose]() {
    this.captured?.dispose();
    if (!this.options.prefix) this.cache.dispose();
    this.state.dispose();
  }
};
function check(rows2, { config }, { maxNewTokens, seed = 0, readEvery = 16, prefix, ...sampling }) {
  const { context, vocabularySize, architecture = "decoder" } = config;
  checkSampling(sampling, vocabularySize);
  if (architecture !== "decoder")
    throw new ConfigError(`generate: the model is an ${architecture}, expected a decoder`);
  for (const [name, value] of Object.entries({ maxNewTokens, readEvery })) {
    if (!Number.isInteger(value) || value < (name === "readEvery" ? 1 : 0))
      throw new ConfigError(`generate: ${name} is ${value}, expected a whole number`);
  }
  if (typeof seed !== "number" && seed.length !== rows2.length)
    throw new ConfigError(`generate: ${seed.length} seeds for ${rows2.length} prompts`);
  if (prefix && rows2.length !== 1)
    throw new ConfigError(`generate: a prefix is of one prompt, got ${rows2.length}`);
  for (const [i, row] of rows2.entries()) {
    if (row.length === 0)
      throw new DataError(`generate: prompt ${i} is empty; give at least one token`);
    const stray = row.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabularySize));
    if (stray !== void 0)
      throw new DataError(
        `generate: prompt ${i} holds ${stray}, expected ids in 0 \u2026 ${vocabularySize - 1}`
      );
    const room = context + 1 - row.length;
    if (maxNewTokens > room) {
      throw new ConfigError(
        `generate: prompt ${i} has ${row.length} tokens; with maxNewTokens ${maxNewTokens} that exceeds the model's context of ${context} (at most ${Math.max(0, room)} fit)`
      );
    }
  }
}

// src/llm/transformer.ts
init_errors();

// src/nn/checkpoint.ts
function checkpoint(fn, ...inputs) {
  if (!isRecording()) return fn(...inputs);
  const random = randomState(inputs[0].runtime);
  const { stream } = random;
  const run4 = (own) => fn(...own);
  const { output, leaves } = scope(() => {
    const own = cutOff(inputs);
    const before = nodeCount();
    const output2 = run4(own);
    const leaves2 = leavesBelow(output2, before).filter((leaf) => !own.includes(leaf));
    return { output: output2, leaves: leaves2 };
  });
  return record({
    name: "checkpoint",
    inputs: [...inputs, ...leaves],
    output,
    // The parameters and the random state are saved so that a change before backward is noticed.
    saved: [...inputs, ...leaves, random.tensor],
    backward: null,
    fused: (dy, saved) => {
      const own = cutOff(saved.slice(0, inputs.length));
      const y = random.rewound(stream, () => recorded(() => tidy(() => run4(own))));
      const sources = [...own, ...leaves];
      const trained = sources.filter((x2) => x2.requiresGrad);
      const gradients2 = grad(y, trained, { dy });
      return sources.map((x2) => x2.requiresGrad ? gradients2[trained.indexOf(x2)] : null);
    }
  });
}
function cutOff(inputs) {
  return inputs.map((x2) => {
    const own = x2.detach();
    if (x2.requiresGrad) own.edge = { leaf: own };
    return own;
  });
}

// src/nn/layers.ts
init_errors();

// kernels/add_norm.wgsl
var add_norm_default = "// A residual connection and the norm that reads it, in one pass over x (rows, C):\n//   sum = x + residual      y = norm(sum)      as norm.wgsl defines it, which has the gradients\n// A workgroup owns a row, or a thread (lib/rows.wgsl).\n\nalias Element = f32;          // or a vector of four\nconst CENTRED: bool = true;   // layer norm; false: RMS norm, and bias is a stand-in\n\nstruct Params { rows: u32, C: u32, eps: f32 }\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Element>;\n@group(0) @binding(1) var<storage, read> residual: array<Element>;\n@group(0) @binding(2) var<storage, read> weight: array<Element>;\n@group(0) @binding(3) var<storage, read> bias: array<Element>;\n@group(0) @binding(4) var<storage, read_write> sum: array<Element>;\n@group(0) @binding(5) var<storage, read_write> y: array<Element>;\n@group(0) @binding(6) var<storage, read_write> stats: array<vec2f>;   // (mean, rstd) of each row\n\n@compute @workgroup_size(LANES)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(row, params.rows, params.C, 1u, lane);\n  let start = row * (params.C / FLOATS);\n  var moments = Moments();\n  var squares = Floats(0);\n  for (var i = own.first; i < own.end; i += STEP) {\n    sum[i] = x[i] + residual[i];\n    let value = Floats(sum[i]);\n    if (CENTRED) { moments = add_moment(moments, value); } else { squares += value * value; }\n  }\n  var mean = 0f;\n  var power: f32;   // the variance, or the mean square\n  if (CENTRED) {\n    let found = row_moments(moments, params.C, lane);\n    mean = found.x;\n    power = found.y;\n  } else {\n    power = row_sum(sum_of(vec4f(squares)), lane) / f32(params.C);\n  }\n  let rstd = 1f / sqrt_precise(power + params.eps);\n\n  for (var i = own.first; i < own.end; i += STEP) {\n    var value = (Floats(sum[i]) - mean) * rstd * Floats(weight[i - start]);\n    if (CENTRED) { value += Floats(bias[i - start]); }\n    y[i] = Element(value);\n  }\n  if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) { stats[row] = vec2f(mean, rstd); }\n}\n";

// kernels/norm.wgsl
var norm_default = "// Normalisation of the rows of x (rows, C), and its gradients.\n//   layer norm   y = (x - mean x) rstd * weight + bias      rstd = 1 / \u221A(mean (x - mean x)\xB2 + eps)\n//   RMS norm     y = x rstd * weight                        rstd = 1 / \u221A(mean x\xB2 + eps)\n// (Ba et al. 2016; Zhang & Sennrich 2019.) With x\u0302 = (x - mean) rstd and g = dy * weight; for the RMS norm the means\n// of x and g are 0:\n//   backward     dx = rstd (g - mean g - x\u0302 mean(g x\u0302))\n//   partials     of each block of rows: \u03A3 dy x\u0302, and for the layer norm \u03A3 dy\n//   *_parameters dweight, dbias = the sums over the blocks\n// Forward and backward: a workgroup owns a row, or a thread (lib/rows.wgsl). Partials: a thread owns a column of a\n// block, or four. Parameters: the same of all blocks. The gradient that has reached x by another way, `waiting`, is\n// added to dx in passing.\n\nalias Element = f32;             // or a vector of four\nconst CENTRED: bool = true;      // layer norm; false: RMS norm, and bias is a stand-in\nconst WAITING: bool = false;     // whether waiting is bound; else its binding is a stand-in\n\nstruct Params {\n  rows: u32,\n  C: u32,\n  eps: f32,\n  blockRows: u32,   // rows of a block of partials\n  blocks: u32,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Element>;\n@group(0) @binding(1) var<storage, read> weight: array<Element>;\n@group(0) @binding(2) var<storage, read> bias: array<Element>;               // forward\n@group(0) @binding(3) var<storage, read_write> y: array<Element>;\n@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;          // (mean, rstd) of each row\n\n@group(0) @binding(2) var<storage, read> dy: array<Element>;                 // backward\n@group(0) @binding(3) var<storage, read> saved_stats: array<vec2f>;\n@group(0) @binding(4) var<storage, read> waiting: array<Element>;\n@group(0) @binding(5) var<storage, read_write> dx: array<Element>;\n\n@group(0) @binding(1) var<storage, read> partials_dy: array<Element>;        // partials\n@group(0) @binding(2) var<storage, read> partials_stats: array<vec2f>;\n@group(0) @binding(3) var<storage, read_write> partial_sums: array<Floats>;  // (blocks, 2, C): dweight, dbias\n\n@group(0) @binding(0) var<storage, read> sums: array<Floats>;                // *_parameters\n@group(0) @binding(1) var<storage, read_write> dweight: array<Element>;\n@group(0) @binding(2) var<storage, read_write> dbias: array<Element>;\n\n@compute @workgroup_size(LANES)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(row, params.rows, params.C, 1u, lane);\n  let start = row * (params.C / FLOATS);\n\n  var mean = 0f;\n  var power: f32;   // the variance, or the mean square\n  if (CENTRED) {\n    var moments = Moments();\n    for (var i = own.first; i < own.end; i += STEP) { moments = add_moment(moments, Floats(x[i])); }\n    let found = row_moments(moments, params.C, lane);\n    mean = found.x;\n    power = found.y;\n  } else {\n    var squares = Floats(0);\n    for (var i = own.first; i < own.end; i += STEP) { squares += Floats(x[i]) * Floats(x[i]); }\n    power = row_sum(sum_of(vec4f(squares)), lane) / f32(params.C);\n  }\n  let rstd = 1f / sqrt_precise(power + params.eps);\n\n  for (var i = own.first; i < own.end; i += STEP) {\n    var value = (Floats(x[i]) - mean) * rstd * Floats(weight[i - start]);\n    if (CENTRED) { value += Floats(bias[i - start]); }\n    y[i] = Element(value);\n  }\n  if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) { stats[row] = vec2f(mean, rstd); }\n}\n\n@compute @workgroup_size(LANES)\nfn backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(row, params.rows, params.C, 1u, lane);\n  let start = row * (params.C / FLOATS);\n  let mean = saved_stats[min(row, params.rows - 1u)].x;\n  let rstd = saved_stats[min(row, params.rows - 1u)].y;\n\n  var sums_g = Floats(0);\n  var sums_gx = Floats(0);\n  for (var i = own.first; i < own.end; i += STEP) {\n    let g = Floats(dy[i]) * Floats(weight[i - start]);\n    sums_g += g;\n    sums_gx += g * (Floats(x[i]) - mean);\n  }\n  var mean_g = 0f;\n  if (CENTRED) { mean_g = row_sum(sum_of(vec4f(sums_g)), lane) / f32(params.C); }\n  let mean_gx = row_sum(sum_of(vec4f(sums_gx)) * rstd, lane) / f32(params.C);\n\n  for (var i = own.first; i < own.end; i += STEP) {\n    let normalised = (Floats(x[i]) - mean) * rstd;\n    let g = Floats(dy[i]) * Floats(weight[i - start]);\n    var value = rstd * (g - mean_g - normalised * mean_gx);\n    if (WAITING) { value += Floats(waiting[i]); }\n    dx[i] = Element(value);\n  }\n}\n\n@compute @workgroup_size(64)\nfn partials(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let columns = params.C / FLOATS;\n  let strips = (columns + 63u) / 64u;\n  let linear = group.x + group.y * groups.x;\n  let block = linear / strips;\n  let c = linear % strips * 64u + lane;\n  if (block >= params.blocks || c >= columns) { return; }\n  let first = block * params.blockRows;\n  let end = min(first + params.blockRows, params.rows);\n  var sum_weight = Floats(0);\n  var sum_bias = Floats(0);\n  for (var row = first; row < end; row++) {\n    let i = row * columns + c;\n    let row_stats = partials_stats[row];\n    let dy = Floats(partials_dy[i]);\n    sum_weight += dy * ((Floats(x[i]) - row_stats.x) * row_stats.y);\n    if (CENTRED) { sum_bias += dy; }\n  }\n  partial_sums[2u * block * columns + c] = sum_weight;\n  if (CENTRED) { partial_sums[(2u * block + 1u) * columns + c] = sum_bias; }\n}\n\n/// \u03A3 over the blocks, of dweight (which = 0) or dbias (1).\nfn column_sum(which: u32, c: u32) -> Floats {\n  let columns = params.C / FLOATS;\n  var sum = Floats(0);\n  for (var block = 0u; block < params.blocks; block++) { sum += sums[(2u * block + which) * columns + c]; }\n  return sum;\n}\n\n@compute @workgroup_size(64)\nfn layer_parameters(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let c = (group.x + group.y * groups.x) * 64u + lane;\n  if (c >= params.C / FLOATS) { return; }\n  dweight[c] = Element(column_sum(0u, c));\n  dbias[c] = Element(column_sum(1u, c));\n}\n\n@compute @workgroup_size(64)\nfn rms_parameters(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let c = (group.x + group.y * groups.x) * 64u + lane;\n  if (c < params.C / FLOATS) { dweight[c] = Element(column_sum(0u, c)); }\n}\n";

// src/ops/norm.ts
init_errors();
var kernel17 = kernelFile("norm", norm_default);
var addKernel = kernelFile("add_norm", add_norm_default);
function layerNorm(x2, weight, bias, { eps = 1e-5 } = {}) {
  return norm("layerNorm", x2, [weight, bias], eps);
}
function rmsNorm(x2, weight, { eps = 1e-6 } = {}) {
  return norm("rmsNorm", x2, [weight], eps);
}
function norm(name, x2, parameters, eps) {
  var _stack = [];
  try {
    check2(name, x2, parameters);
    const { rows: rows2, cols, workgroups, constants: constants3 } = rowVectorsAlong(name, x2, -1);
    const y = allocate(x2.runtime, x2.shape, x2.dtype);
    const stats = __using(_stack, allocate(x2.runtime, [rows2, 2], "f32"));
    launch(kernel17, "forward", {
      inputs: [x2, parameters[0], parameters.at(-1)],
      outputs: [y, stats],
      params: { rows: rows2, C: cols, eps, blockRows: 0, blocks: 0 },
      constants: { ...constants3, ...variantOf2(parameters) },
      workgroups: x2.size > 0 ? workgroups : 0,
      flops: 8 * x2.size
    });
    return recordNorm(name, x2, parameters, { y, stats, eps });
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function recordNorm(name, x2, parameters, { y, stats, eps }) {
  const centred = parameters.length === 2;
  const inputs = [x2, ...parameters];
  const wanted = inputs.map((input) => input.edge !== null);
  const zeros2 = () => inputs.map(({ shape }) => full(x2.runtime, shape, 0, x2.dtype));
  return record({
    name,
    inputs,
    output: y,
    saved: [x2, ...parameters, stats],
    backward: (dy, saved) => x2.size > 0 ? composedGradients(dy, saved[0], saved[1], { centred, eps }) : zeros2(),
    fused: (dy, saved, take) => {
      if (x2.size === 0) return zeros2();
      const [x0, ...rest] = saved;
      const savedStats = rest.pop();
      return [
        wanted[0] ? inputGradient2(name, dy, x0, rest, savedStats, take(0)) : null,
        ...wanted[1] || wanted[2] ? parameterGradients(name, dy, x0, rest, savedStats) : parameters.map(() => null)
      ];
    }
  });
}
function inputGradient2(name, dy, x2, parameters, stats, waiting2) {
  const { rows: rows2, cols, workgroups, constants: constants3 } = rowVectorsAlong(name, x2, -1);
  const dx = allocate(x2.runtime, x2.shape, x2.dtype);
  launch(kernel17, "backward", {
    inputs: [x2, parameters[0], dy, stats, waiting2 ?? dy],
    outputs: [dx],
    params: { rows: rows2, C: cols, eps: 0, blockRows: 0, blocks: 0 },
    constants: {
      ...constants3,
      ...variantOf2(parameters),
      WAITING: String(waiting2 !== null)
    },
    workgroups,
    flops: 14 * x2.size
  });
  return dx;
}
function parameterGradients(name, dy, x2, parameters, stats) {
  var _stack = [];
  try {
    const { runtime, dtype } = x2;
    const { rows: rows2, cols: C, width, constants: ofRows } = rowVectorsAlong(name, x2, -1);
    const constants3 = { ...ofRows, ...variantOf2(parameters) };
    const blockRows = Math.max(16, Math.ceil(Math.sqrt(rows2)));
    const blocks = Math.ceil(rows2 / blockRows);
    const params = { rows: rows2, C, eps: 0, blockRows, blocks };
    const sums = __using(_stack, allocate(runtime, [blocks, 2, C], "f32"));
    launch(kernel17, "partials", {
      inputs: [x2, dy, stats],
      outputs: [sums],
      params,
      constants: constants3,
      workgroups: blocks * groupsFor(C / width),
      flops: 5 * x2.size
    });
    const gradients2 = parameters.map(() => allocate(runtime, [C], dtype));
    launch(kernel17, parameters.length === 2 ? "layer_parameters" : "rms_parameters", {
      inputs: [sums],
      outputs: gradients2,
      params,
      constants: constants3,
      workgroups: groupsFor(C / width),
      flops: 2 * sums.size
    });
    return gradients2;
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function composedGradients(dy, x2, weight, { centred, eps }) {
  const perRow2 = { axis: -1, keepDims: true };
  const shifted = centred ? sub(x2, mean(x2, perRow2)) : x2;
  const rstd = pow(add(mean(square(shifted), perRow2), eps), -0.5);
  const normalised = mul(shifted, rstd);
  const g = mul(dy, weight);
  const across = sub(g, mul(normalised, mean(mul(g, normalised), perRow2)));
  const dweight = sumTo(mul(dy, normalised), weight.shape);
  if (!centred) return [mul(rstd, across), dweight];
  return [mul(rstd, sub(across, mean(g, perRow2))), dweight, sumTo(dy, weight.shape)];
}
function variantOf2(parameters) {
  return { CENTRED: String(parameters.length === 2) };
}
function check2(name, x2, parameters) {
  expectDType(name, "x", x2, "f32", "f16");
  const C = x2.shape.at(-1);
  if (C === void 0) throw new ShapeError(`${name}: x is a scalar, expected [..., C]`);
  for (const [i, parameter] of parameters.entries()) {
    expectShape(name, ["weight", "bias"][i], parameter, [C]);
    expectDType(name, ["weight", "bias"][i], parameter, x2.dtype);
  }
}

// kernels/swiglu.wgsl
var swiglu_default = "// The gated unit SwiGLU (Shazeer 2020), elementwise:\n//   forward    y = silu(gate) up                  silu(g) = g \u03C3(g)\n//   backward   dgate = dy up \u03C3 (1 + gate (1 - \u03C3))      dup = dy silu(gate)      \u03C3 = \u03C3(gate)\n// packed_*: gate and up are the two halves of each row of x (rows, 2H), so that one product gives both.\n// A thread owns vectors of four elements of y where its rows have whole ones, else single elements.\n\nalias Element = f32;\nconst WIDTH: u32 = 1u;              // elements of a vector\nalias Vector = array<Element, 1>;   // vec4<Element> for four\n\nstruct Params { size: u32, H: u32 }   // of y; H columns; in vectors\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> gate: array<Vector>;\n@group(0) @binding(1) var<storage, read> up: array<Vector>;\n@group(0) @binding(2) var<storage, read_write> y: array<Vector>;          // forward\n@group(0) @binding(2) var<storage, read> dy: array<Vector>;               // backward\n@group(0) @binding(3) var<storage, read_write> dgate: array<Vector>;\n@group(0) @binding(4) var<storage, read_write> dup: array<Vector>;\n\n@group(0) @binding(0) var<storage, read> x: array<Vector>;                // packed_forward\n@group(0) @binding(1) var<storage, read_write> packed_y: array<Vector>;\n@group(0) @binding(1) var<storage, read> packed_dy: array<Vector>;        // packed_backward\n@group(0) @binding(2) var<storage, read_write> dx: array<Vector>;\n\nfn gated(gate: Vector, up: Vector) -> Vector {\n  var y: Vector;\n  for (var c = 0u; c < WIDTH; c++) {\n    let g = f32(gate[c]);\n    y[c] = Element(g * sigmoid(g) * f32(up[c]));\n  }\n  return y;\n}\n\nstruct Slopes { gate: Vector, up: Vector }\nfn slopes(gate: Vector, up: Vector, dy: Vector) -> Slopes {\n  var slopes: Slopes;\n  for (var c = 0u; c < WIDTH; c++) {\n    let g = f32(gate[c]);\n    let s = sigmoid(g);\n    slopes.gate[c] = Element(f32(dy[c]) * f32(up[c]) * s * (1f + g * (1f - s)));\n    slopes.up[c] = Element(f32(dy[c]) * g * s);\n  }\n  return slopes;\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) { y[i] = gated(gate[i], up[i]); }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let slope = slopes(gate[i], up[i], dy[i]);\n    dgate[i] = slope.gate;\n    dup[i] = slope.up;\n  }\n}\n\n/// Where the gate of y[i] lies in x; its up lies H further.\nfn gate_of(i: u32) -> u32 {\n  return i / params.H * 2u * params.H + i % params.H;\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn packed_forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let at = gate_of(i);\n    packed_y[i] = gated(x[at], x[at + params.H]);\n  }\n}\n\n@compute @workgroup_size(SPAN_THREADS)\nfn packed_backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let span = span_of(group, groups, lane, params.size);\n  for (var i = span.first; i < span.end; i += SPAN_THREADS) {\n    let at = gate_of(i);\n    let slope = slopes(x[at], x[at + params.H], packed_dy[i]);\n    dx[at] = slope.gate;\n    dx[at + params.H] = slope.up;\n  }\n}\n";

// src/ops/swiglu.ts
init_errors();
var kernel18 = kernelFile("swiglu", swiglu_default);
function swiglu(gate, up) {
  expectDType("swiglu", "gate", gate, "f32", "f16");
  return up ? ofTwo(gate, up) : ofPacked(gate);
}
function ofTwo(gate, up) {
  expectShape("swiglu", "up", up, gate.shape);
  expectDType("swiglu", "up", up, gate.dtype);
  const like = () => allocate(gate.runtime, gate.shape, gate.dtype);
  const y = like();
  run2("forward", [gate, up], [y], y);
  return record({
    name: "swiglu",
    inputs: [gate, up],
    output: y,
    saved: [gate, up],
    backward: composedGradients2,
    fused: (dy, [gate2, up2]) => {
      const gradients2 = [like(), like()];
      run2("backward", [gate2, up2, dy], gradients2, dy);
      return gradients2;
    }
  });
}
function ofPacked(x2) {
  const width = x2.shape.at(-1) ?? 1;
  if (width % 2 !== 0) {
    throw new ShapeError(`swiglu: the packed tensor is ${format(x2.shape)}, expected [..., 2H]`);
  }
  const H = width / 2;
  const y = allocate(x2.runtime, [...x2.shape.slice(0, -1), H], x2.dtype);
  run2("packed_forward", [x2], [y], y);
  return record({
    name: "swiglu",
    inputs: [x2],
    output: y,
    saved: [x2],
    backward: (dy, [x3]) => {
      const end = x3.shape.with(-1, H);
      const start2 = x3.shape.map((_, axis) => axis === x3.rank - 1 ? H : 0);
      const halves2 = [slice(x3, { end }), slice(x3, { start: start2 })];
      return [concat(composedGradients2(dy, halves2), { axis: -1 })];
    },
    fused: (dy, [x3]) => {
      const dx = allocate(x3.runtime, x3.shape, x3.dtype);
      run2("packed_backward", [x3, dy], [dx], dy);
      return [dx];
    }
  });
}
function composedGradients2(dy, [gate, up]) {
  const s = sigmoid(gate);
  const slope = mul(s, add(mul(gate, sub(1, s)), 1));
  return [mul(dy, mul(up, slope)), mul(dy, silu(gate))];
}
function run2(entry, inputs, outputs, y) {
  const H = y.shape.at(-1) ?? 1;
  const width = widthFor(H);
  const size = y.size / width;
  const { workgroups, constants: constants3 } = spansOf(y.runtime, size, width);
  launch(kernel18, entry, {
    inputs,
    outputs,
    params: { size, H: H / width },
    constants: {
      ...constants3,
      Element: y.dtype,
      ...vectorConstants(width)
    },
    workgroups,
    flops: 24 * y.size
  });
}

// src/nn/layers.ts
var Embedding = class extends Module {
  /** [count, width]; of a frozen table perhaps packed (`packWeight`). */
  weight;
  constructor(init, count2, width, { std = 0.02 } = {}) {
    super();
    this.weight = init.normal([count2, width], std);
  }
  forward(ids) {
    return embedding(this.weight, ids);
  }
};
var RMSNorm = class extends Module {
  constructor(init, width, eps = 1e-6) {
    super();
    this.eps = eps;
    this.weight = init.constant([width], 1);
  }
  eps;
  /** [width] */
  weight;
  forward(x2) {
    return rmsNorm(x2, this.weight, { eps: this.eps });
  }
};
var LayerNorm = class extends Module {
  /** [width] */
  weight;
  /** [width] */
  bias;
  #eps;
  constructor(init, width, { bias = true, eps = 1e-5 } = {}) {
    super();
    this.weight = init.constant([width], 1);
    this.bias = init.constant([width], 0).requireGrad(bias);
    this.#eps = eps;
  }
  forward(x2) {
    return layerNorm(x2, this.weight, this.bias, { eps: this.#eps });
  }
};
var Dropout = class extends Module {
  constructor(p) {
    super();
    this.p = p;
  }
  p;
  forward(x2, training) {
    return training ? dropout(x2, { p: this.p }) : x2;
  }
};
var ACTIVATIONS3 = ["gelu", "geluTanh", "swiglu", "relu2"];
var MLP = class extends Module {
  constructor(init, options) {
    super();
    this.options = options;
    const { width, hidden, activation, bias, outputStd } = options;
    if (!ACTIVATIONS3.includes(activation)) {
      throw new ConfigError(
        `MLP: activation is one of ${ACTIVATIONS3.join(", ")}, got ${activation}`
      );
    }
    this.up = new Linear(init, width, hidden, { bias });
    this.gate = activation === "swiglu" ? new Linear(init, width, hidden, { bias }) : null;
    this.down = new Linear(init, hidden, width, { bias, std: outputStd });
  }
  options;
  up;
  gate;
  down;
  /** [..., width], `residual` added if given. */
  forward(x2, residual) {
    const { activation } = this.options;
    if (activation === "swiglu") {
      const up = this.up.forward(x2);
      return this.down.forward(swiglu(this.gate.forward(x2), up), { residual });
    }
    const squared = activation === "relu2";
    const h = this.up.forward(x2, { activation: squared ? "relu" : activation });
    return this.down.forward(squared ? square(h) : h, { residual });
  }
};

// src/ops/linear_cross_entropy.ts
init_errors();
var CHUNK_BYTES = 2 ** 26;
function linearCrossEntropy(hidden, weight, targets, options = {}) {
  if (weight.dtype === "u32") {
    var _stack = [];
    try {
      const unpacked2 = __using(_stack, unpackWeight(weight));
      return linearCrossEntropy(hidden, unpacked2, targets, options);
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      __callDispose(_stack, _error, _hasError);
    }
  }
  const { ignoreIndex = -100, labelSmoothing = 0, reduction = "mean", chunk } = options;
  checkArguments2(hidden, weight, targets, chunk);
  checkSmoothing("linearCrossEntropy", labelSmoothing);
  const V = weight.shape[0];
  const settings2 = { V, ignoreIndex, labelSmoothing };
  const chunkRows = chunk ?? defaultChunk(hidden, V);
  const operands = { hidden, weight, targets, chunkRows, settings: settings2 };
  const inputs = [hidden, weight];
  const early = reduction !== "none" && inputs.every(fitsBinding);
  const found = allocateLosses(targets);
  const one = full(hidden.runtime, [1], 1, "f32");
  const gradients2 = early && needsGrad(inputs) ? allocateGradients(operands) : null;
  const plain2 = { targets, lse: found.lse, dy: one, weight: one };
  eachChunk(operands, (logits, rows2) => {
    blockLosses("linearCrossEntropy", logits, targets, found, settings2);
    if (gradients2) addGradients(gradients2, logits, rows2, operands, plain2);
  });
  const { loss, weight: share } = reduction === "none" ? { loss: found.losses, weight: one.detach() } : weightedSum(found.losses, targets, settings2, reduction === "mean");
  if (gradients2) recordEarly(inputs, loss, share, gradients2);
  else recordLate(operands, loss, share, found.lse);
  for (const made of [
    found.losses,
    found.lse,
    one,
    share,
    gradients2?.dHidden,
    gradients2?.dWeight
  ]) {
    if (made !== loss) made?.dispose();
  }
  return loss;
}
function recordEarly(inputs, loss, share, { dHidden, dWeight }) {
  record({
    name: "linearCrossEntropy",
    inputs,
    output: loss,
    saved: [share, dHidden ?? share, dWeight ?? share],
    backward: null,
    fused: (dy, [share2, savedHidden, savedWeight]) => {
      const scale = mul(dy, share2);
      return [dHidden ? mul(savedHidden, scale) : null, dWeight ? mul(savedWeight, scale) : null];
    }
  });
}
function recordLate(operands, loss, share, lse) {
  const { hidden, weight, targets } = operands;
  record({
    name: "linearCrossEntropy",
    inputs: [hidden, weight],
    output: loss,
    saved: [hidden, weight, targets, lse, share],
    backward: null,
    fused: (dy, [hidden2, weight2, targets2, lse2, share2]) => {
      const again = { ...operands, hidden: hidden2, weight: weight2, targets: targets2 };
      const gradients2 = allocateGradients(again);
      const upstream = { targets: targets2, lse: lse2, dy, weight: share2 };
      eachChunk(again, (logits, rows2) => addGradients(gradients2, logits, rows2, again, upstream));
      return [gradients2.dHidden, gradients2.dWeight];
    }
  });
}
function fitsBinding(x2) {
  return x2.size * BYTES[x2.dtype] <= x2.runtime.gpu.limits.maxStorageBufferBindingSize;
}
function eachChunk({ hidden, weight, targets, chunkRows, settings: { V } }, use) {
  untaped(() => {
    const states2 = hidden.runtime.dense(hidden);
    const blocks = rowBlocks(hidden.runtime.dense(weight));
    for (let first = 0; first < targets.size; first += chunkRows) {
      untaped(() => {
        const count2 = Math.min(chunkRows, targets.size - first);
        const rows2 = rowsOf2(states2, first, count2);
        const logits = allocate(hidden.runtime, [count2, V], "f32");
        for (const block of blocks) {
          multiplyInto(columnsOf(logits, block), rows2, transpose(block.view));
        }
        use({ view: logits, first, count: count2 }, rows2);
      });
    }
  });
}
function addGradients({ dHidden, dWeight }, logits, rows2, { weight, settings: settings2 }, upstream) {
  const dlogits = allocate(rows2.runtime, logits.view.shape, "f32");
  blockGradient(dlogits, logits, upstream, settings2);
  if (dHidden) {
    const target2 = rowsOf2(dHidden, logits.first, logits.count);
    for (const block of rowBlocks(weight.runtime.dense(weight))) {
      const accumulate = block.first > 0;
      multiplyInto(target2, columnsOf(dlogits, block), block.view, { accumulate });
    }
  }
  if (dWeight) {
    for (const block of rowBlocks(dWeight)) {
      const accumulate = logits.first > 0;
      multiplyInto(block.view, transpose(columnsOf(dlogits, block)), rows2, { accumulate });
    }
  }
}
function allocateGradients({ hidden, weight, targets }) {
  const like = (x2) => {
    if (!x2.edge) return null;
    return targets.size > 0 ? allocate(x2.runtime, x2.shape, "f32") : full(x2.runtime, x2.shape, 0, "f32");
  };
  return { dHidden: like(hidden), dWeight: like(weight) };
}
function rowsOf2(x2, first, count2) {
  const C = x2.shape.at(-1);
  const flat = reshape(x2, [sizeOf(x2.shape.slice(0, -1)), C]);
  return slice(flat, { start: [first, 0], end: [first + count2, C] });
}
function columnsOf(x2, { first, count: count2 }) {
  return slice(x2, { start: [0, first], end: [x2.shape[0], first + count2] });
}
function defaultChunk({ runtime }, V) {
  const bytes = Math.min(CHUNK_BYTES, runtime.gpu.limits.maxStorageBufferBindingSize);
  return Math.max(1, Math.floor(bytes / (BYTES.f32 * V)));
}
function checkArguments2(hidden, weight, targets, chunk = 1) {
  const op = "linearCrossEntropy";
  expectDType(op, "hidden", hidden, "f32");
  expectDType(op, "weight", weight, "f32");
  expectDType(op, "targets", targets, "i32", "u32");
  const [V, C] = weight.shape;
  const fits = weight.rank === 2 && V > 0 && sameShape(hidden.shape, [...targets.shape, C]);
  if (!fits) {
    throw new ShapeError(
      `${op}: hidden is ${format(hidden.shape)}, weight ${format(weight.shape)} and targets ${format(targets.shape)}; expected [..., C], [V, C] with V > 0, and [...]`
    );
  }
  if (!Number.isInteger(chunk) || chunk < 1) {
    throw new ConfigError(`${op}: chunk is ${chunk}, expected a whole number of rows from 1 on`);
  }
}

// kernels/rope.wgsl
var rope_default = "// Rotary position embedding (Su et al. 2021). Pair i of the last axis turns by the angle \u03C6 = p \u03B8_i, \u03B8_i = base^(-2i/D):\n//   y_a = x_a cos \u03C6 - x_b sin \u03C6      (a, b) = (i, i + D/2), or (2i, 2i + 1) if INTERLEAVED\n//   y_b = x_a sin \u03C6 + x_b cos \u03C6      x, y (\u2026, T, D)\n//   backward: the same with -\u03C6\n//\n// WGSL's sin is good to 2^-11 only, so the angles come from a table that the host makes in float64. A position is\n// read as four digits of base 256, p = \u03A3_k digit_k 256^k (the highest one signed), and the rotations of its digits\n// are multiplied: any i32 works, with a table of 1024 rows. A thread owns up to PAIRS neighbouring pairs of a row, as\n// finding the row costs more than turning a pair, and reads four at once where rows have whole vectors of them.\n\nalias Element = f32;\nconst INTERLEAVED: bool = false;\nconst RANK: u32 = 8;       // of the leading axes, T included\nconst PAIR_RANK: u32 = 8;  // of the second tensor's\nconst PAIRS: u32 = 4;      // of a thread; a multiple of WIDTH\nconst WIDTH: u32 = 1;      // elements of a vector\nalias Vector = array<Element, 1>;   // vec4<Element> for four, if not INTERLEAVED\n\nstruct Params {\n  parts: u32,              // threads of x\n  half: u32,               // D / 2\n  rowParts: u32,           // threads of a row\n  T: u32,\n  sign: f32,               // -1 turns back\n  offset: i32,             // the position of t = 0, without positions\n  positioned: u32,\n  positionsStart: u32,\n  positionsStride: u32,    // along the batch; 0: all share one row\n  rowsPerBatch: u32,       // rows of x that share a row of positions\n  xStart: u32, yStart: u32,\n  shape: array<vec4u, 2>,\n  xStrides: array<vec4u, 2>,\n  yStrides: array<vec4u, 2>,\n  secondParts: u32,        // the second tensor's likewise; for `pair`\n  secondRowsPerBatch: u32,\n  secondXStart: u32, secondYStart: u32,\n  secondShape: array<vec4u, 2>,\n  secondXStrides: array<vec4u, 2>,\n  secondYStrides: array<vec4u, 2>,\n}\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Vector>;\n@group(0) @binding(1) var<storage, read> table: array<vec2f>;        // (4, 256, D / 2): cos, sin of digit 256^k \u03B8_i\n@group(0) @binding(2) var<storage, read> positions: array<i32>;      // (T) or (B, T)\n@group(0) @binding(3) var<storage, read_write> y: array<Vector>;    // forward\n\n@group(0) @binding(3) var<storage, read> second_x: array<Vector>;   // pair\n@group(0) @binding(4) var<storage, read_write> first_y: array<Vector>;\n@group(0) @binding(5) var<storage, read_write> second_y: array<Vector>;\n\n/// (cos \u03C6, sin \u03C6) of pair i at position p.\nfn rotation(p: i32, i: u32) -> vec2f {\n  var digits = bitcast<u32>(p);\n  var turn = table[(digits & 255u) * params.half + i];\n  digits >>= 8u;\n  for (var k = 1u; digits != 0u; k++) {\n    let next = table[(k * 256u + (digits & 255u)) * params.half + i];\n    turn = vec2f(turn.x * next.x - turn.y * next.y, turn.x * next.y + turn.y * next.x);\n    digits >>= 8u;\n  }\n  return turn;\n}\n\n/// The position of a row.\nfn position_of(row: u32, rowsPerBatch: u32) -> i32 {\n  let t = row % params.T;\n  if (params.positioned == 0u) { return params.offset + i32(t); }\n  return positions[params.positionsStart + row / rowsPerBatch * params.positionsStride + t];\n}\n\n/// The vectors in which the elements of pair i lie, of a row that starts at `start`.\nfn elements(start: u32, i: u32) -> vec2u {\n  return (start + select(vec2u(i, i + params.half), vec2u(2u * i, 2u * i + 1u), INTERLEAVED)) / WIDTH;\n}\n\n/// The pairs (a, b) from i on, turned.\nstruct Turned { a: Vector, b: Vector }\nfn turned(a: Vector, b: Vector, p: i32, i: u32) -> Turned {\n  var result: Turned;\n  for (var c = 0u; c < WIDTH; c++) {\n    let turn = rotation(p, i + c) * vec2f(1f, params.sign);\n    let pair = vec2f(f32(a[c]), f32(b[c]));\n    result.a[c] = Element(pair.x * turn.x - pair.y * turn.y);\n    result.b[c] = Element(pair.x * turn.y + pair.y * turn.x);\n  }\n  return result;\n}\n\n/// (start in x, start in y) of a row.\nfn starts(row: u32) -> vec2u {\n  var at = vec2u(params.xStart, params.yStart);\n  var rest = row;\n  for (var axis = RANK - 1u; axis > 0u; axis--) {\n    let size = params.shape[axis / 4u][axis % 4u];\n    at += rest % size * vec2u(params.xStrides[axis / 4u][axis % 4u], params.yStrides[axis / 4u][axis % 4u]);\n    rest /= size;\n  }\n  return at + rest * vec2u(params.xStrides[0][0], params.yStrides[0][0]);\n}\n\n/// The same of the second tensor.\nfn second_starts(row: u32) -> vec2u {\n  var at = vec2u(params.secondXStart, params.secondYStart);\n  var rest = row;\n  for (var axis = PAIR_RANK - 1u; axis > 0u; axis--) {\n    let size = params.secondShape[axis / 4u][axis % 4u];\n    at += rest % size\n      * vec2u(params.secondXStrides[axis / 4u][axis % 4u], params.secondYStrides[axis / 4u][axis % 4u]);\n    rest /= size;\n  }\n  return at + rest * vec2u(params.secondXStrides[0][0], params.secondYStrides[0][0]);\n}\n\n@compute @workgroup_size(64)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let part = (group.x + group.y * groups.x) * 64u + lane;\n  if (part >= params.parts) { return; }\n  let row = part / params.rowParts;\n  let begin = part % params.rowParts * PAIRS;\n  let start = starts(row);\n  let p = position_of(row, params.rowsPerBatch);\n  for (var i = begin; i < min(begin + PAIRS, params.half); i += WIDTH) {\n    let source = elements(start.x, i);\n    let goal = elements(start.y, i);\n    let result = turned(x[source.x], x[source.y], p, i);\n    y[goal.x] = result.a;\n    y[goal.y] = result.b;\n  }\n}\n\n@compute @workgroup_size(64)\nfn pair(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let index = (group.x + group.y * groups.x) * 64u + lane;\n  if (index >= params.parts + params.secondParts) { return; }\n  let isFirst = index < params.parts;\n  let part = select(index - params.parts, index, isFirst);\n  let row = part / params.rowParts;\n  let begin = part % params.rowParts * PAIRS;\n  let end = min(begin + PAIRS, params.half);\n  if (isFirst) {\n    let start = starts(row);\n    let p = position_of(row, params.rowsPerBatch);\n    for (var i = begin; i < end; i += WIDTH) {\n      let source = elements(start.x, i);\n      let goal = elements(start.y, i);\n      let result = turned(x[source.x], x[source.y], p, i);\n      first_y[goal.x] = result.a;\n      first_y[goal.y] = result.b;\n    }\n  } else {\n    let start = second_starts(row);\n    let p = position_of(row, params.secondRowsPerBatch);\n    for (var i = begin; i < end; i += WIDTH) {\n      let source = elements(start.x, i);\n      let goal = elements(start.y, i);\n      let result = turned(second_x[source.x], second_x[source.y], p, i);\n      second_y[goal.x] = result.a;\n      second_y[goal.y] = result.b;\n    }\n  }\n}\n";

// src/ops/rope.ts
init_errors();
var kernel19 = kernelFile("rope", rope_default);
var pairsOf = ({ runtime }) => runtime.gpu.adapter.software ? 16 : 4;
var DIGITS = 4;
var DIGIT_BASE = 256;
function rope(x2, options = {}) {
  checkArguments3("rope", x2, options);
  return x2.size === 0 ? x2 : rotate(x2, rotationOf(x2, options), 1);
}
function ropePair(q, k, options = {}) {
  checkArguments3("ropePair", q, options);
  checkArguments3("ropePair", k, options);
  expectDType("ropePair", "k", k, q.dtype);
  if (!sameShape(q.shape.slice(-2), k.shape.slice(-2))) {
    throw new ShapeError(
      `ropePair: q is ${format(q.shape)} and k ${format(k.shape)}; both need the same T and D`
    );
  }
  if (q.size === 0 || k.size === 0) return { q: rope(q, options), k: rope(k, options) };
  const rotation = rotationOf(q, options);
  const [turnedQ, turnedK] = turnBoth(q, k, rotation, 1);
  const { table: table2, positions } = rotation;
  recordRotation(k, turnedK, rotation, 1);
  record({
    name: "ropePair",
    inputs: [q, k, turnedK],
    output: turnedQ,
    saved: [table2, positions],
    backward: (dy, [table3, positions2]) => [
      rotate(dy, { ...rotation, table: table3, positions: positions2 }, -1),
      null,
      null
    ],
    fused: (dy, [table3, positions2], take) => {
      const back = { ...rotation, table: table3, positions: positions2 };
      const dTurnedK = take(2);
      if (!dTurnedK) return [rotate(dy, back, -1), null, null];
      return [...turnBoth(dy, dTurnedK, back, -1), null];
    }
  });
  return { q: turnedQ, k: turnedK };
}
function rotationOf(x2, options) {
  const { base = 1e4, interleaved = false, offset = 0, positions } = options;
  const table2 = tableFor(x2.runtime, base, x2.shape.at(-1) / 2);
  const dense = positions && (positions.isDense ? positions : denseCopy(positions));
  return { interleaved, offset, positioned: !!positions, table: table2, positions: dense ?? table2 };
}
function rotate(x2, rotation, sign) {
  const { rows: rows2, output, geometry } = place(x2);
  launch(kernel19, "forward", {
    inputs: [rows2, rotation.table, rotation.positions],
    outputs: [output],
    params: { ...paramsOf2(x2, rotation, sign), ...geometry, ...secondOf(NOTHING) },
    constants: constantsOf(x2, rotation, [geometry]),
    workgroups: groupsFor(geometry.parts),
    flops: 4 * x2.size,
    strided: true
  });
  if (rows2 !== x2) rows2.dispose();
  return recordRotation(x2, output, rotation, sign);
}
function turnBoth(q, k, rotation, sign) {
  const [first, second] = [place(q), place(k)];
  launch(kernel19, "pair", {
    inputs: [first.rows, rotation.table, rotation.positions, second.rows],
    outputs: [first.output, second.output],
    params: { ...paramsOf2(q, rotation, sign), ...first.geometry, ...secondOf(second.geometry) },
    constants: {
      ...constantsOf(q, rotation, [first.geometry, second.geometry]),
      PAIR_RANK: rankOf(second.geometry)
    },
    workgroups: groupsFor(first.geometry.parts + second.geometry.parts),
    flops: 4 * (q.size + k.size),
    strided: true
  });
  if (first.rows !== q) first.rows.dispose();
  if (second.rows !== k) second.rows.dispose();
  return [first.output, second.output];
}
function recordRotation(x2, output, rotation, sign) {
  return record({
    name: "rope",
    inputs: [x2],
    output,
    saved: [rotation.table, rotation.positions],
    backward: (dy, [table2, positions]) => [
      rotate(dy, { ...rotation, table: table2, positions }, sign === 1 ? -1 : 1)
    ]
  });
}
var NOTHING = {
  parts: 0,
  rowsPerBatch: 0,
  xStart: 0,
  yStart: 0,
  shape: [0],
  xStrides: [0],
  yStrides: [0]
};
function place(x2) {
  const rows2 = withDenseRows(x2, 1);
  const output = allocateLike(rows2);
  const leading = x2.shape.slice(0, -1);
  const { shape, strides } = collapse(leading, [
    rows2.strides.slice(0, -1),
    output.strides.slice(0, -1)
  ]);
  const geometry = {
    parts: sizeOf(leading) * rowPartsOf(x2),
    rowsPerBatch: sizeOf(leading) / leading[0],
    xStart: bindingStart(rows2),
    yStart: bindingStart(output),
    shape,
    xStrides: strides[0],
    yStrides: strides[1]
  };
  return { rows: rows2, output, geometry };
}
function secondOf(geometry) {
  return {
    secondParts: geometry.parts,
    secondRowsPerBatch: geometry.rowsPerBatch,
    secondXStart: geometry.xStart,
    secondYStart: geometry.yStart,
    secondShape: geometry.shape,
    secondXStrides: geometry.xStrides,
    secondYStrides: geometry.yStrides
  };
}
function paramsOf2(x2, { offset, positioned, positions }, sign) {
  const [T2, D] = x2.shape.slice(-2);
  return {
    half: D / 2,
    rowParts: rowPartsOf(x2),
    T: T2,
    sign,
    offset,
    positioned: Number(positioned),
    positionsStart: bindingStart(positions),
    positionsStride: positions.rank === 2 ? T2 : 0
  };
}
function constantsOf(x2, { interleaved }, geometries) {
  const inFours = !interleaved && x2.shape.at(-1) % 8 === 0 && geometries.every(isInFours);
  return {
    Element: x2.dtype,
    INTERLEAVED: String(interleaved),
    RANK: rankOf(geometries[0]),
    PAIRS: pairsOf(x2),
    ...vectorConstants(inFours ? 4 : 1)
  };
}
var isInFours = ({ xStart, yStart, xStrides, yStrides }) => [xStart, yStart, ...xStrides, ...yStrides].every((n) => n % 4 === 0);
var rowPartsOf = (x2) => Math.ceil(x2.shape.at(-1) / 2 / pairsOf(x2));
var rankOf = ({ shape }) => Math.max(1, shape.length);
var frequency = (base, half, i) => base ** (-i / half);
var tables = /* @__PURE__ */ new WeakMap();
function tableFor(runtime, base, half) {
  const mine = tables.get(runtime) ?? /* @__PURE__ */ new Map();
  tables.set(runtime, mine);
  const key = `${base} ${half}`;
  const known = mine.get(key);
  if (known) return known;
  const values = new Float32Array(DIGITS * DIGIT_BASE * half * 2);
  for (let row = 0; row < DIGITS * DIGIT_BASE; row++) {
    for (let i = 0; i < half; i++) {
      const angle = digitValue(row) * frequency(base, half, i);
      values[2 * (row * half + i)] = Math.cos(angle);
      values[2 * (row * half + i) + 1] = Math.sin(angle);
    }
  }
  const table2 = runtime.gpu.uncaptured(() => {
    const made = allocate(runtime, [DIGITS, DIGIT_BASE, half, 2], "f32");
    made.write(values);
    return made;
  });
  table2.kept = true;
  mine.set(key, table2);
  return table2;
}
function digitValue(row) {
  const k = Math.floor(row / DIGIT_BASE);
  const digit = row % DIGIT_BASE;
  const negative2 = k === DIGITS - 1 && digit >= DIGIT_BASE / 2;
  return (negative2 ? digit - DIGIT_BASE : digit) * DIGIT_BASE ** k;
}
function checkArguments3(op, x2, { base = 1e4, offset = 0, positions }) {
  expectDType(op, "x", x2, "f32", "f16");
  if (x2.rank < 2 || x2.shape.at(-1) % 2 !== 0) {
    throw new ShapeError(`${op}: x is ${format(x2.shape)}, expected [..., T, D] with an even D`);
  }
  if (!(base > 0)) throw new ConfigError(`${op}: base is a number above 0, got ${base}`);
  if ((offset | 0) !== offset) {
    throw new ConfigError(`${op}: offset is a whole number of 32 bits, got ${offset}`);
  }
  if (positions) checkPositions(op, x2, positions);
}
function checkPositions(op, x2, positions) {
  expectDType(op, "positions", positions, "i32", "u32");
  const T2 = x2.shape.at(-2);
  const shared = sameShape(positions.shape, [T2]);
  if (shared || x2.rank > 2 && sameShape(positions.shape, [x2.shape[0], T2])) return;
  throw new ShapeError(
    `${op}: positions is ${format(positions.shape)}, expected [${T2}] or [${x2.shape[0]}, ${T2}] for x ${format(x2.shape)}`
  );
}

// src/llm/attention_layers.ts
var SelfAttention = class extends Module {
  constructor(init, config, outputStd) {
    super();
    this.config = config;
    const { width, heads, keyValueHeads, bias, qkvBias = bias, qkNorm = false } = config;
    const D = headSizeOf(config);
    const parts = { query: D * heads, key: D * keyValueHeads, value: D * keyValueHeads };
    this.qkv = new Linear(init, width, D * (heads + 2 * keyValueHeads), { bias: qkvBias, parts });
    this.queryNorm = qkNorm ? new RMSNorm(init, D, config.normEps) : null;
    this.keyNorm = qkNorm ? new RMSNorm(init, D, config.normEps) : null;
    this.output = new Linear(init, heads * D, width, { bias, std: outputStd });
  }
  config;
  /** Queries, keys and values in one product: (heads + 2 keyValueHeads) D outputs, in this order. */
  qkv;
  queryNorm;
  keyNorm;
  output;
  /**
   * `residual` [B, T, C], if given, is added by the last product. With a `cache`, x continues what that holds: its keys
   * and values are added, and all are seen.
   */
  forward(x2, pass, { residual, cache } = {}) {
    const { training, causal, keyMask, documents, positions } = pass;
    const [q, k, v] = this.heads(x2, cache?.positions ?? positions);
    const dropout2 = training ? this.config.dropout : 0;
    const mixed = cache ? cache.attend(q, k, v) : attention(q, k, v, { causal, keyMask, documents, dropout: dropout2 });
    return this.output.forward(merged(mixed), { residual });
  }
  /** [B, H, T, D], and twice [B, Hkv, T, D], turned to their positions. */
  heads(x2, at) {
    const { heads, keyValueHeads, positions, ropeBase } = this.config;
    const [B, T2] = x2.shape;
    const D = headSizeOf(this.config);
    const packed = reshape(this.qkv.forward(x2), [B, T2, heads + 2 * keyValueHeads, D]);
    let [q, k, v] = split(packed, [heads, keyValueHeads, keyValueHeads], { axis: 2 });
    if (this.queryNorm) q = this.queryNorm.forward(q);
    if (this.keyNorm) k = this.keyNorm.forward(k);
    [q, k, v] = [q, k, v].map((part) => permute(part, [0, 2, 1, 3]));
    if (!positions.startsWith("rope")) return [q, k, v];
    const interleaved = positions === "ropeInterleaved";
    const turned = ropePair(q, k, { base: ropeBase, interleaved, positions: at });
    return [turned.q, turned.k, v];
  }
};
var CrossAttention = class extends Module {
  constructor(init, config, outputStd) {
    super();
    this.config = config;
    const { width, heads, keyValueHeads, bias, qkvBias = bias } = config;
    const D = headSizeOf(config);
    this.query = new Linear(init, width, heads * D, { bias: qkvBias });
    const parts = { key: D * keyValueHeads, value: D * keyValueHeads };
    this.keyValue = new Linear(init, width, 2 * keyValueHeads * D, { bias: qkvBias, parts });
    this.output = new Linear(init, heads * D, width, { bias, std: outputStd });
  }
  config;
  query;
  /** Keys and values in one product. */
  keyValue;
  output;
  /** `residual` [B, T, C], if given, is added by the last product. */
  forward(x2, memory, pass, residual) {
    const { heads, keyValueHeads } = this.config;
    const D = headSizeOf(this.config);
    const inHeads = (y, count2) => reshape(y, [...y.shape.slice(0, 2), count2, D]);
    const q = inHeads(this.query.forward(x2), heads);
    const packed = inHeads(this.keyValue.forward(memory), 2 * keyValueHeads);
    const [k, v] = split(packed, [keyValueHeads, keyValueHeads], { axis: 2 });
    const [qh, kh, vh] = [q, k, v].map((part) => permute(part, [0, 2, 1, 3]));
    const dropout2 = pass.training ? this.config.dropout : 0;
    const mixed = attention(qh, kh, vh, { keyMask: pass.memoryMask, dropout: dropout2 });
    return this.output.forward(merged(mixed), { residual });
  }
};
function merged(x2) {
  const [B, H, T2, D] = x2.shape;
  return reshape(permute(x2, [0, 2, 1, 3]), [B, T2, H * D]);
}

// src/llm/sinusoids.ts
function sinusoidalPositions(context, width) {
  const table2 = new Float64Array(context * width);
  for (let p = 0; p < context; p++) {
    for (let i = 0; i < width / 2; i++) {
      const angle = p * 1e4 ** (-2 * i / width);
      table2[p * width + 2 * i] = Math.sin(angle);
      table2[p * width + 2 * i + 1] = Math.cos(angle);
    }
  }
  return table2;
}

// src/llm/transformer.ts
var Block = class extends Module {
  attentionNorm;
  attention;
  memoryNorm;
  memoryAttention;
  mlpNorm;
  mlp;
  dropout;
  constructor(init, config, readsMemory) {
    super();
    const { width, hidden, activation, bias, layers } = config;
    const outputStd = 0.02 / Math.sqrt((readsMemory ? 3 : 2) * layers);
    this.attentionNorm = makeNorm(init, config);
    this.attention = new SelfAttention(init, config, outputStd);
    this.memoryNorm = readsMemory ? makeNorm(init, config) : null;
    this.memoryAttention = readsMemory ? new CrossAttention(init, config, outputStd) : null;
    this.mlpNorm = makeNorm(init, config);
    this.mlp = new MLP(init, { width, hidden, activation, bias, outputStd });
    this.dropout = new Dropout(config.dropout);
  }
  forward(x2, pass, cache) {
    let h = this.add(
      x2,
      pass,
      (residual) => this.attention.forward(this.attentionNorm.forward(x2), pass, { residual, cache })
    );
    const [attended, { memory }] = [h, pass];
    if (memory && this.memoryNorm && this.memoryAttention) {
      const normed = this.memoryNorm.forward(attended);
      const layer = this.memoryAttention;
      h = this.add(attended, pass, (residual) => layer.forward(normed, memory, pass, residual));
    }
    return this.add(h, pass, (residual) => this.mlp.forward(this.mlpNorm.forward(h), residual));
  }
  /** x + dropout(branch); where nothing is dropped, the branch's last product adds x. */
  add(x2, { training }, branch) {
    const drops = training && this.dropout.p > 0;
    return drops ? add(x2, this.dropout.forward(branch(), training)) : branch(x2);
  }
};
var Transformer = class extends Module {
  constructor(init, config) {
    super();
    this.config = config;
    checkConfig(config);
    const { vocabularySize, width, context, layers, architecture } = config;
    const reads = architecture === "encoderDecoder";
    const stack2 = (readsMemory) => Array.from({ length: layers }, () => new Block(init, config, readsMemory));
    this.tokens = new Embedding(init, vocabularySize, width);
    this.positions = config.positions === "learned" ? new Embedding(init, context, width) : null;
    const fixed = config.positions === "sinusoidal";
    this.sinusoids = fixed ? init.device.tensor(sinusoidalPositions(context, width), { shape: [context, width] }) : null;
    this.encoderBlocks = reads ? stack2(false) : [];
    this.encoderNorm = reads ? makeNorm(init, config) : null;
    this.blocks = stack2(reads);
    this.norm = makeNorm(init, config);
    this.head = config.tiedEmbeddings ? null : new Linear(init, width, vocabularySize);
    this.dropout = new Dropout(config.dropout);
  }
  config;
  tokens;
  positions;
  /** [context, C], not trained. */
  sinusoids;
  /** Of an encoderDecoder: the layers that read. */
  encoderBlocks;
  encoderNorm;
  blocks;
  norm;
  head;
  dropout;
  /** Number of trained values. */
  get parameterCount() {
    return this.parameters().reduce((sum2, x2) => sum2 + x2.size, 0);
  }
  /** Logits of the next token at each position. @throws ShapeError for more positions than the context. */
  forward(ids, options = {}) {
    return this.logits(this.hidden(ids, options));
  }
  /** The output weight applied to `hidden` [..., C] -> [..., V]. */
  logits(hidden) {
    return this.head ? this.head.forward(hidden) : linear(hidden, this.tokens.weight);
  }
  /**
   * Cross-entropy of the targets [B, T], as `linearCrossEntropy`: the logits of all positions do not exist at once.
   * @throws ShapeError for more positions than the context.
   */
  loss(ids, targets, options = {}) {
    const h = this.hidden(ids, options);
    if (this.head?.isAdapted) return crossEntropy(this.head.forward(h), targets, options);
    return linearCrossEntropy(h, this.head?.weight ?? this.tokens.weight, targets, options);
  }
  /**
   * What the output weight is applied to, after the last norm: [B, T, C]. Of an encoder, its reading of the sequence.
   * @throws ShapeError for more positions than the context.
   */
  hidden(ids, options = {}) {
    const { training = false, cache, ...seen } = options;
    const { architecture = "decoder" } = this.config;
    this.checkMemory(options);
    const pass = { ...seen, training, causal: architecture !== "encoder" };
    const layers = cache?.next(ids.shape[1]);
    let h = this.embed(ids, training, layers?.[0]?.positions ?? seen.positions);
    for (const [i, block] of this.blocks.entries()) h = this.through(block, h, pass, layers?.[i]);
    return this.norm.forward(h);
  }
  /** What an encoderDecoder's decoder looks at: the encoder's reading of source ids [B, S] -> [B, S, C]. */
  encode(ids, options = {}) {
    if (!this.encoderNorm) {
      throw new ConfigError(
        `encode: the model is ${this.config.architecture ?? "decoder"}, expected encoderDecoder`
      );
    }
    const { training = false, keyMask } = options;
    const pass = { training, keyMask, causal: false };
    let h = this.embed(ids, training);
    for (const block of this.encoderBlocks) h = this.through(block, h, pass);
    return this.encoderNorm.forward(h);
  }
  through(block, x2, pass, cache) {
    if (!pass.training || !this.config.checkpointing) return block.forward(x2, pass, cache);
    const { memory } = pass;
    if (!memory) return checkpoint((x3) => block.forward(x3, pass), x2);
    return checkpoint((x3, memory2) => block.forward(x3, { ...pass, memory: memory2 }), x2, memory);
  }
  /** Tokens and, where they are added, positions: `at` [B, T], default 0, 1, …. */
  embed(ids, training, at) {
    const T2 = ids.shape[1];
    if (ids.rank !== 2 || T2 > this.config.context) {
      throw new ShapeError(
        `Transformer: ids are ${format(ids.shape)}, expected [B, T] with T up to ${this.config.context}`
      );
    }
    const table2 = this.positions?.weight ?? this.sinusoids;
    let h = this.tokens.forward(ids);
    if (table2) h = add(h, at ? embedding(table2, at) : slice(table2, { end: [T2] }));
    return this.dropout.forward(h, training);
  }
  checkMemory({ memory, cache }) {
    const { architecture = "decoder" } = this.config;
    if (architecture === "encoderDecoder" !== (memory !== void 0)) {
      throw new ConfigError(
        memory ? `Transformer: the architecture '${architecture}' takes no memory` : "Transformer: an encoderDecoder needs the memory that encode() gives"
      );
    }
    if (cache && architecture === "encoder")
      throw new ConfigError("Transformer: an encoder sees all tokens at once; it takes no cache");
  }
};
function makeNorm(init, { norm: norm2, width, bias, normEps }) {
  return norm2 === "rmsNorm" ? new RMSNorm(init, width, normEps) : new LayerNorm(init, width, { bias, eps: normEps });
}

// src/llm/problem_solver.ts
var TEMPLATE = "lines";
var SMALL_MODEL_SCALE = 4;
function makeSolver(device2, { vocabularySize }, size, seed) {
  return new Transformer(new WideInitialiser(device2, seed, SMALL_MODEL_SCALE), {
    hidden: 4 * size.width,
    positions: "learned",
    ...size,
    vocabularySize,
    keyValueHeads: size.heads,
    norm: "rmsNorm",
    activation: "gelu",
    bias: false,
    tiedEmbeddings: false,
    dropout: 0
  });
}
async function learnProblems(device2, model, tokenizer, problems, options) {
  const { seed, steps, batch, learningRate, signal, every = steps, onStep } = options;
  const { context } = model.config;
  const train = problems.map((problem, i) => {
    const segments = completionSegments(problem, TEMPLATE);
    return encodeExample(segments, `problem ${i + 1}`, { tokenizer, template: TEMPLATE, context });
  });
  await finetune(
    device2,
    model,
    { train, heldOut: [] },
    {
      settings: {
        method: "full",
        template: TEMPLATE,
        seed,
        steps,
        batch,
        learningRate,
        evaluateEvery: every,
        logEvery: Math.min(every, 100)
      },
      signal,
      async onProgress({ step }) {
        if (step % every === 0 || step === steps) await onStep?.(step);
      }
    }
  );
  signal.throwIfAborted();
}

// src/text/characters.ts
init_errors();
function characterTokenizer(text) {
  const alphabet = [...new Set(text)].sort((a, b) => a.codePointAt(0) - b.codePointAt(0));
  if (alphabet.length === 0)
    throw new DataError("characters: the text is empty; it must hold at least one character");
  const idOf = new Map(alphabet.map((character, id) => [character, id]));
  const characterOf = (id, position) => {
    const character = alphabet[id];
    if (character !== void 0) return character;
    throw new DataError(
      `characters: id ${id} at position ${position} is not one of 0 to ${alphabet.length - 1}`
    );
  };
  return {
    vocabularySize: alphabet.length,
    specials: /* @__PURE__ */ new Map(),
    encode(text2) {
      const ids = new Int32Array(text2.length);
      let count2 = 0;
      for (const character of text2) {
        const id = idOf.get(character);
        if (id === void 0) throw unknownCharacter(character, count2, alphabet.length);
        ids[count2++] = id;
      }
      return ids.slice(0, count2);
    },
    decode: (ids) => Array.from(ids, characterOf).join(""),
    bytesOf: (id) => new TextEncoder().encode(characterOf(id, 0)),
    toJSON: () => ({ type: "characters", alphabet: alphabet.join("") })
  };
}
function unknownCharacter(character, position, size) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return new DataError(
    `characters: ${JSON.stringify(character)} (U+${code}) at position ${position} is not among the ${size} characters of the alphabet; make the tokenizer from all of the text, or leave that character out`
  );
}

// src/text/problems.ts
function textOf(problems) {
  return problems.map(({ prompt, completion }) => `${prompt}${completion}
`).join("");
}

// src/text/slips.ts
var ALIKE = ["0123456789", "+-", "ABCDEF"];
function withSlip(text, random) {
  const places = (kinds) => [...text].flatMap((sign, at2) => {
    const kind = kinds.find((signs) => signs.includes(sign));
    return kind ? [{ at: at2, others: kind.replace(sign, "") }] : [];
  });
  const [digitsAndSigns, letters] = [places(ALIKE.slice(0, 2)), places(ALIKE.slice(2))];
  const candidates = digitsAndSigns.length > 0 ? digitsAndSigns : letters;
  if (candidates.length === 0) return text;
  const { at, others } = candidates[random.integer(candidates.length)];
  return text.slice(0, at) + others[random.integer(others.length)] + text.slice(at + 1);
}

// src/text/words.ts
init_errors();

// src/text/split_patterns.ts
init_errors();
var CONTRACTION = `'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])`;
var UPPER = String.raw`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`;
var LOWER = String.raw`\p{Ll}\p{Lm}\p{Lo}\p{M}`;
var GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
var SMOLLM = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+`;
var CL100K = String.raw`${CONTRACTION}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s`;
var O200K = String.raw`[^\r\n\p{L}\p{N}]?[${UPPER}]*[${LOWER}]+(?:${CONTRACTION})?|` + String.raw`[^\r\n\p{L}\p{N}]?[${UPPER}]+[${LOWER}]*(?:${CONTRACTION})?|` + String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
var LLAMA3 = String.raw`${CONTRACTION}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
var SOURCES = {
  /** GPT-2 and all tokenizer.json files whose ByteLevel step uses its own pattern. */
  gpt2: GPT2,
  /** GPT-4. */
  cl100k: CL100K,
  /** GPT-4o. */
  o200k: O200K,
  /** Llama 3: nearly GPT-4's. */
  llama3: unicodeSpace(LLAMA3),
  /** Qwen 2 and 3: Llama 3's with every digit by itself. */
  qwen2: unicodeSpace(LLAMA3.replace("{1,3}", "")),
  /** GPT-4o's as tokenizer.json files have it. */
  gpt4o: unicodeSpace(O200K),
  /** SmolLM: GPT-2's with every digit by itself. */
  smollm: SMOLLM,
  /** No cuts: a text is one piece. */
  none: null
};
var SPLIT_PATTERNS = Object.keys(SOURCES);
function unicodeSpace(source) {
  return source.replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}");
}
function splitter(pattern) {
  const source = SOURCES[pattern];
  if (source === null) return (text, visit2) => text !== "" && visit2(text);
  const regex = new RegExp(source, "uy");
  return (text, visit2) => {
    for (let at = 0; at < text.length; ) {
      regex.lastIndex = at;
      matchOnce(regex, text, at);
      visit2(text.slice(at, regex.lastIndex));
      at = regex.lastIndex;
    }
  };
}
function matchOnce(regex, text, at) {
  try {
    if (regex.test(text)) return;
  } catch (cause) {
    throw new DataError(
      `split: what begins at character ${at} is millions of characters without a break; break it up`,
      { cause }
    );
  }
  throw new DataError(`split: no piece begins at character ${at}`);
}

// src/text/words.ts
var UNKNOWN_WORD = "<unk>";
var split2 = splitter("gpt2");
function trainWords(text, vocabularySize) {
  const counts = /* @__PURE__ */ new Map();
  split2(text, (word) => counts.set(word, (counts.get(word) ?? 0) + 1));
  const byCount = [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word);
  return wordTokenizer(byCount.slice(0, Math.max(1, vocabularySize - 1)));
}
function wordTokenizer(words2) {
  if (words2.length === 0) throw new DataError("words: there are none; expected at least one word");
  const all = [UNKNOWN_WORD, ...words2];
  const idOf = new Map(words2.map((word, i) => [word, i + 1]));
  if (idOf.size < words2.length || idOf.has("")) {
    throw new DataError("words: a word is empty, or there twice");
  }
  const wordOf = (id, position) => {
    const word = all[id];
    if (word !== void 0) return word;
    throw new DataError(
      `words: id ${id} at position ${position} is not one of 0 to ${words2.length}`
    );
  };
  return {
    vocabularySize: all.length,
    unknownId: 0,
    specials: /* @__PURE__ */ new Map(),
    encode(text) {
      const ids = [];
      split2(text, (word) => ids.push(idOf.get(word) ?? 0));
      return Int32Array.from(ids);
    },
    decode: (ids) => Array.from(ids, wordOf).join(""),
    bytesOf: (id) => new TextEncoder().encode(wordOf(id, 0)),
    toJSON: () => ({ type: "words", words: words2 })
  };
}

// src/posttrain/answers.ts
async function drawAnswers(device2, { model, adapter }, codec, tasks, { maxNewTokens, temperature = 1, ends, seeds, signal }) {
  const prompts = tasks.map(({ prompt }) => Array.from(codec.encode(prompt)));
  const options = { maxNewTokens, temperature, ends, seed: seeds };
  setAdapter(model, adapter);
  try {
    const drawn = await generate(device2, model, prompts, { ...options, ...signal && { signal } });
    return drawn.map(({ newIds, logProbs, finishReason }, i) => {
      const finished = finishReason === "end";
      return {
        task: tasks[i],
        text: codec.decode(finished ? newIds.slice(0, -1) : newIds),
        promptIds: prompts[i],
        ids: newIds,
        logProbs,
        finished
      };
    });
  } finally {
    setAdapter(model, null);
  }
}
var BATCH = 128;
async function drawInParts(device2, speaker, codec, tasks, { seed = 0, batch = BATCH, draw = drawAnswers, ...drawing }) {
  const answers = [];
  for (let at = 0; at < tasks.length; at += batch) {
    const some = tasks.slice(at, at + batch);
    const seeds = some.map((_, i) => seed + at + i);
    answers.push(...await draw(device2, speaker, codec, some, { ...drawing, seeds }));
    drawing.signal?.throwIfAborted();
  }
  return answers;
}
function answerRows(answers, length) {
  const size = answers.length * length;
  const rows2 = {
    ids: new Int32Array(size),
    targets: new Int32Array(size),
    mask: new Float32Array(size)
  };
  for (const [row, { promptIds, ids, given }] of answers.entries()) {
    const all = [...promptIds, ...ids];
    rows2.ids.set(all.slice(0, -1), row * length);
    rows2.targets.set(all.slice(1), row * length);
    const first = row * length + promptIds.length - 1;
    rows2.mask.set(
      ids.map((_, t2) => given?.[t2] ? 0 : 1),
      first
    );
  }
  return rows2;
}
function perToken(answers, length, values) {
  const rows2 = new Float32Array(answers.length * length);
  for (const [row, { promptIds }] of answers.entries())
    rows2.set(values(row), row * length + promptIds.length - 1);
  return rows2;
}

// src/posttrain/tasks/task_family.ts
init_errors();

// src/text/expression_parser.ts
init_errors();

// src/text/expressions.ts
init_errors();
var FUNCTIONS = {
  ln: Math.log,
  exp: Math.exp,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sqrt: Math.sqrt,
  sigma: (z) => z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))
};
var number = (value) => ({ kind: "number", value });
function isVector(e) {
  if (e.kind === "name") return e.vector;
  if (e.kind === "negative") return isVector(e.of);
  return e.kind === "binary" && e.operator !== "\xB7" && (isVector(e.left) || isVector(e.right));
}
function call(name, of) {
  if (isVector(of)) throw new DataError(`${name} of a vector; it takes a number`);
  return { kind: "call", name, of };
}
var negative = (of) => ({ kind: "negative", of });
function binary(operator, left, right) {
  const [l, r] = [isVector(left), isVector(right)];
  const allowed = {
    "+": l === r,
    "-": l === r,
    "*": !(l && r),
    "/": !r,
    "^": !l && !r,
    "\xB7": l && r
  };
  if (allowed[operator]) return { kind: "binary", operator, left, right };
  const kind = (vector) => vector ? "vector" : "number";
  throw new DataError(`${kind(l)} ${operator} ${kind(r)} has no meaning`);
}
var OPERATIONS = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "^": (a, b) => a ** b
};
function valueAt2(e, point) {
  if (e.kind === "number") return [e.value];
  if (e.kind === "name") return point[e.name];
  if (e.kind === "negative") return valueAt2(e.of, point).map((x2) => -x2);
  if (e.kind === "call") return valueAt2(e.of, point).map(FUNCTIONS[e.name]);
  const [left, right] = [valueAt2(e.left, point), valueAt2(e.right, point)];
  if (e.operator === "\xB7") return [left.reduce((sum2, x2, i) => sum2 + x2 * right[i], 0)];
  const operation = OPERATIONS[e.operator];
  const length = Math.max(left.length, right.length);
  const at = (list2, i) => list2[list2.length === 1 ? 0 : i];
  return Array.from({ length }, (_, i) => operation(at(left, i), at(right, i)));
}
var STREAM2 = 1886349678;
var POINTS = 64;
var LEAST_POINTS = 8;
var LENGTH = 3;
var FARTHEST = 3;
var TOLERANCE = { relative: 1e-9, absolute: 1e-12 };
function agree(a, b, { names, domain = a, seed = 0 }) {
  if (isVector(a) !== isVector(b)) return false;
  const random = randomStream(seed, STREAM2);
  const draw = (length) => Array.from({ length }, () => FARTHEST * (2 * random.uniform() - 1));
  let compared2 = 0;
  for (let i = 0; i < POINTS; i++) {
    const scalars = names.scalars.map((name) => [name, draw(1)]);
    const vectors = (names.vectors ?? []).map((name) => [name, draw(LENGTH)]);
    const point = Object.fromEntries([...scalars, ...vectors]);
    const [x2, y, inside2] = [a, b, domain].map((e) => valueAt2(e, point));
    if (![x2, y, inside2].every((values) => values.every(Number.isFinite))) continue;
    if (!x2.every((value, j) => close(value, y[j]))) return false;
    compared2++;
  }
  return compared2 >= LEAST_POINTS;
}
var close = (x2, y) => Math.abs(x2 - y) <= TOLERANCE.absolute + TOLERANCE.relative * Math.max(Math.abs(x2), Math.abs(y));

// src/text/expression_parser.ts
var MOST_CHARACTERS = 1e3;
var MOST_DEPTH = 50;
var CALLED = {
  ...{ ln: "ln", log: "ln", exp: "exp", sin: "sin", cos: "cos", tanh: "tanh", sqrt: "sqrt" },
  ...{ sigma: "sigma", sigmoid: "sigma", \u03C3: "sigma" }
};
var CONSTANTS = { e: Math.E, pi: Math.PI, \u03C0: Math.PI };
var SIGNS = {
  ...{ "\u2212": "-", "\u2013": "-", "\xD7": "*", "\u22C5": "\xB7" },
  ...{ "{": "(", "[": "(", "}": ")", "]": ")" }
};
var NUMBER2 = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/;
function parseExpression(text, names) {
  const fail = (problem) => {
    const shown2 = text.length > 60 ? `${text.slice(0, 60)}\u2026` : text;
    throw new DataError(`expression ${JSON.stringify(shown2)}: ${problem}`);
  };
  if (text.length > MOST_CHARACTERS)
    fail(`${text.length} characters; at most ${MOST_CHARACTERS} are read`);
  try {
    return new Parser(tokensOf(text, names), names).parse();
  } catch (error) {
    return fail(error.message);
  }
}
function tokensOf(text, { scalars, vectors = [] }) {
  const words2 = [...scalars, ...vectors, ...Object.keys(CALLED), ...Object.keys(CONSTANTS)];
  words2.sort((a, b) => b.length - a.length);
  const tokens = [];
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const sign = SIGNS[rest[0]] ?? rest[0];
    if (/\s/.test(sign)) {
      at++;
      continue;
    }
    const known = words2.find((word) => rest.startsWith(word));
    const token = NUMBER2.exec(rest)?.[0] ?? known;
    if (token === void 0 && !"+-*/^\xB7()".includes(sign))
      throw new DataError(`${JSON.stringify(rest[0])} at ${at + 1} is not understood`);
    tokens.push(token ?? sign);
    at += (token ?? sign).length;
  }
  return tokens;
}
var Parser = class {
  constructor(tokens, names) {
    this.tokens = tokens;
    this.names = names;
  }
  tokens;
  names;
  #at = 0;
  #depth = 0;
  parse() {
    const all = this.#sum();
    if (this.#next !== void 0) throw new DataError(`nothing opens what "${this.#next}" closes`);
    return all;
  }
  get #next() {
    return this.tokens[this.#at];
  }
  #takes(...signs) {
    const next = this.#next;
    if (next === void 0 || !signs.includes(next)) return null;
    this.#at++;
    return next;
  }
  #sum() {
    let left = this.#product();
    for (let sign; sign = this.#takes("+", "-"); )
      left = binary(sign, left, this.#product());
    return left;
  }
  #product() {
    let left = this.#unary();
    for (; ; ) {
      const sign = this.#takes("*", "\xB7", "/");
      if (sign) left = binary(sign, left, this.#unary());
      else if (this.#next === void 0 || "+-^)".includes(this.#next)) return left;
      else left = binary("*", left, this.#power());
    }
  }
  /** Every way down leads through here. */
  #unary() {
    if (++this.#depth > MOST_DEPTH) throw new DataError(`nested more than ${MOST_DEPTH} deep`);
    const read = this.#takes("-") ? negative(this.#unary()) : this.#power();
    this.#depth--;
    return read;
  }
  #power() {
    const base = this.#atom();
    return this.#takes("^") ? binary("^", base, this.#unary()) : base;
  }
  #atom() {
    const token = this.tokens[this.#at++];
    if (token === void 0) throw new DataError("it ends where a number or a name is expected");
    if (token === "(") return this.#closed();
    const { scalars, vectors = [] } = this.names;
    if (vectors.includes(token)) return { kind: "name", name: token, vector: true };
    if (scalars.includes(token)) return { kind: "name", name: token, vector: false };
    if (Object.hasOwn(CONSTANTS, token)) return number(CONSTANTS[token]);
    if (Object.hasOwn(CALLED, token)) {
      if (!this.#takes("(")) throw new DataError(`"${token}" needs its argument in parentheses`);
      return call(CALLED[token], this.#closed());
    }
    if (!/[\d]/.test(token)) throw new DataError(`"${token}" where a number or a name is expected`);
    const value = Number(token);
    if (!Number.isFinite(value)) throw new DataError(`${token} is too large for a number`);
    return number(value);
  }
  #closed() {
    const inside2 = this.#sum();
    if (!this.#takes(")")) throw new DataError("a parenthesis is not closed");
    return inside2;
  }
};

// src/text/prompts.ts
var STEP_BY_STEP = "Let's think step by step.";
function zeroShot(question) {
  return `Q: ${question}
A:`;
}
function zeroShotChain(question) {
  return `${zeroShot(question)} ${STEP_BY_STEP}`;
}
function answerSentence(answer) {
  return `The answer is ${answer}.`;
}
function reasonedAnswer({ rationale, answer }) {
  return `${rationale} ${answerSentence(answer)}`;
}
var NUMBER3 = /(?<![\w.])[-\u2212]?\$?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?!\d)(?:\.\d+)?|\.\d+)/g;
var STATEMENT = /answer is((?:[^.!?\n]|[.](?=\d))*)/gi;
function extractAnswer(text) {
  const [own] = text.split(/\n\s*Q:/, 1);
  for (const [, statement] of [...own.matchAll(STATEMENT)].reverse()) {
    const [value2] = numbersIn(statement.slice(statement.lastIndexOf("=") + 1));
    if (value2 !== void 0) return { value: value2, stated: true };
  }
  const value = numbersIn(own).at(-1);
  return value === void 0 ? null : { value, stated: false };
}
function numbersIn(text) {
  return Array.from(
    text.matchAll(NUMBER3),
    ([number2]) => Number(number2.replace("\u2212", "-").replace(/[$,]/g, ""))
  );
}

// src/posttrain/rewards.ts
init_errors();
function rewardOf(name, score, { weight = 1 } = {}) {
  return {
    name,
    weight,
    score: (answers) => answers.map((answer) => {
      try {
        return score(answer);
      } catch (cause) {
        throw new DataError(`reward "${name}" failed on ${quoted2(answer)}: ${messageOf(cause)}`, {
          cause
        });
      }
    })
  };
}
async function scoreAnswers(rewards, answers) {
  checkRewards(rewards);
  const totals = answers.map(() => 0);
  const parts = {};
  for (const reward of rewards) {
    const { name, weight = 1 } = reward;
    const values = await scored(reward, answers);
    if (values.length !== answers.length)
      throw new DataError(
        `reward "${name}" gave ${values.length} numbers for ${answers.length} answers`
      );
    for (const [i, value] of values.entries()) {
      if (!Number.isFinite(value))
        throw new DataError(`reward "${name}" is ${value} for ${quoted2(answers[i])}`);
      totals[i] += weight * value;
    }
    parts[name] = values;
  }
  return { totals, parts };
}
function checkRewards(rewards) {
  if (rewards.length === 0) throw new ConfigError("there is no reward; give at least one");
  const names = rewards.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== void 0) throw new ConfigError(`two rewards are named "${twice}"`);
  const bad = rewards.find(({ weight = 1 }) => !Number.isFinite(weight));
  if (bad) throw new ConfigError(`reward "${bad.name}" has the weight ${bad.weight}`);
}
async function scored(reward, answers) {
  try {
    return await reward.score(answers);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`reward "${reward.name}" failed: ${messageOf(cause)}`, { cause });
  }
}
var messageOf = (cause) => cause instanceof Error ? cause.message : String(cause);
var SHOWN = 60;
function quoted2({ task, text }) {
  const cut = (s) => JSON.stringify(s.length > SHOWN ? `${s.slice(0, SHOWN)}\u2026` : s);
  return `the answer ${cut(text)} to ${cut(task.prompt)}`;
}

// src/posttrain/verifiable.ts
function correctness(name, right, options = {}) {
  return rewardOf(name, ({ text, task }) => Number(right(text, task)), options);
}
function isNumber(text, answer, tolerance = 0) {
  const found = extractAnswer(text);
  return found !== null && Math.abs(found.value - answer) <= tolerance * Math.max(1, Math.abs(answer));
}
function isDerivative(text, { of, derivative: derivative2, names }) {
  const answer = expressionIn(text, names);
  return answer !== null && agree(derivative2, answer, { names, domain: of });
}
function expressionIn(text, names) {
  try {
    return parseExpression(text, names);
  } catch {
    return null;
  }
}
function isChoice(text, answer) {
  return lettersIn(text) === lettersIn(answer);
}
function lettersIn(text) {
  const letters = text.trim().replace(/[\s,.]/g, "");
  return /^[A-Z]+$/.test(letters) ? [...new Set(letters)].sort().join("") : null;
}

// src/posttrain/tasks/task_family.ts
function familyReward({ name, right }, options = {}) {
  return correctness(name, right, options);
}
function attempt({ right, vote }, text, task) {
  return { right: right(text, task), vote: vote(text, task) };
}
var solved = ({ prompt, solution }) => ({
  prompt,
  completion: solution
});
var MOST_IN_VAIN = 1e3;
function differentTasks(name, count2, draw, without = []) {
  const known = new Set(without.map(({ prompt }) => prompt));
  const tasks = [];
  for (let inVain = 0; tasks.length < count2; ) {
    if (++inVain > MOST_IN_VAIN) {
      throw new ConfigError(
        `${name}: there seem to be no ${count2} different tasks, after ${tasks.length} of them ${MOST_IN_VAIN} draws gave no new one; ask for fewer`
      );
    }
    const task = draw();
    if (known.has(task.prompt)) continue;
    known.add(task.prompt);
    tasks.push(task);
    inVain = 0;
  }
  return tasks;
}

// src/posttrain/attempts.ts
async function attemptTasks(device2, speaker, codec, family, tasks, { attempts: n, ...drawing }) {
  const asked = tasks.flatMap((task) => Array(n).fill(task));
  const answers = await drawInParts(device2, speaker, codec, asked, drawing);
  const judged = answers.map(({ text, task }) => attempt(family, text, task));
  return tasks.map((_, i) => judged.slice(i * n, (i + 1) * n));
}

// src/posttrain/grpo.ts
init_errors();

// src/rl/on_policy.ts
init_errors();

// kernels/policy_head.wgsl
var policy_head_default = "// What a policy's loss needs of its logits (N, A), in one pass, and the gradient of both results in one.\n// With \u03C0 = softmax over those of the A actions that actionMask allows:\n//   logProb[n] = log \u03C0(actions[n])                 d/dlogit = [a = action] - \u03C0\n//   entropy[n] = H = -\u03A3 \u03C0 log \u03C0                    d/dlogit = -\u03C0 (log \u03C0 + H)\n// A row without an allowed action has log \u03C0 = 0 and H = 0; an action out of [0, A) has log \u03C0 = 0 and is a fault. A row\n// belongs to a workgroup, or to a thread where rows are short (lib/rows.wgsl); in backward, each element to a thread.\n\nconst ACTION_MASKED: bool = false;    // whether actionMask is bound; else its binding is a stand-in\nconst BY_LOG_PROB: bool = true;       // which of the upstream gradients are bound; else theirs are stand-ins\nconst BY_ENTROPY: bool = true;\n\nstruct Params { samples: u32, actions: u32, fault: u32 }   // N, A\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> logits: array<f32>;                // (N, A)\n@group(0) @binding(1) var<storage, read> actions: array<u32>;               // (N)\n@group(0) @binding(2) var<storage, read> actionMask: array<u32>;            // (N, A)\n@group(0) @binding(3) var<storage, read_write> logProb: array<f32>;         // forward, (N)\n@group(0) @binding(4) var<storage, read_write> entropy: array<f32>;         // (N)\n@group(0) @binding(5) var<storage, read_write> parts: array<vec2f>;         // (N): log \u03C0 = logit - top - logSum\n@group(0) @binding(6) var<storage, read_write> fault: array<u32>;\n\n@group(0) @binding(3) var<storage, read> saved_entropy: array<f32>;         // backward\n@group(0) @binding(4) var<storage, read> saved_parts: array<vec2f>;\n@group(0) @binding(5) var<storage, read> dlogProb: array<f32>;              // (N)\n@group(0) @binding(6) var<storage, read> dentropy: array<f32>;              // (N)\n@group(0) @binding(7) var<storage, read_write> dlogits: array<f32>;         // (N, A)\n\n/// The logit, finite; LOWEST where the action is not allowed. Masks are of any type: all bits but a float's sign are 0\n/// in its zero.\nfn allowed_logit(i: u32) -> f32 {\n  if (ACTION_MASKED && (actionMask[i] << 1u) == 0u) { return LOWEST; }\n  return max(logits[i], LOWEST);\n}\n\n@compute @workgroup_size(LANES)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let n = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(n, params.samples, params.actions, 1u, lane);\n  var top = LOWEST;\n  for (var i = own.first; i < own.end; i += STEP) { top = max(top, allowed_logit(i)); }\n  top = row_max(top, lane);\n\n  // d = logit - top:  H = log \u03A3 e^d - \u03A3 d e^d / \u03A3 e^d, two terms of one sign\n  var sum = 0f;\n  var weighted = 0f;\n  for (var i = own.first; i < own.end; i += STEP) {\n    let logit = allowed_logit(i);\n    if (logit > LOWEST) {\n      let d = max(logit - top, -100f);\n      sum += exp_safe(d);\n      weighted += d * exp_safe(d);\n    }\n  }\n  sum = row_sum(sum, lane);\n  weighted = row_sum(weighted, lane);\n  if (n >= params.samples || (!ROW_PER_THREAD && lane > 0u)) { return; }\n\n  let logSum = log_precise(max(sum, 1f));\n  let action = actions[n];\n  let known = action < params.actions;\n  let logit = allowed_logit(n * params.actions + select(0u, action, known));\n  logProb[n] = select(0f, logit - top - logSum, known && sum > 0f);\n  entropy[n] = logSum - weighted / max(sum, 1f);\n  parts[n] = vec2f(top, logSum);\n  if (!known && fault[0] == 0u) { fault[0] = params.fault; }\n}\n\n@compute @workgroup_size(64)\nfn backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let i = (group.x + group.y * groups.x) * 64u + lane;\n  if (i >= params.samples * params.actions) { return; }\n  let n = i / params.actions;\n  let logit = allowed_logit(i);\n  var slope = 0f;\n  if (logit > LOWEST) {\n    let logPi = max(logit - saved_parts[n].x - saved_parts[n].y, -100f);\n    let pi = exp_safe(logPi);\n    if (BY_LOG_PROB && actions[n] < params.actions) {\n      slope += dlogProb[n] * (select(0f, 1f, i % params.actions == actions[n]) - pi);\n    }\n    if (BY_ENTROPY) { slope -= dentropy[n] * pi * (logPi + saved_entropy[n]); }\n  }\n  dlogits[i] = slope;\n}\n";

// src/ops/policy_head.ts
init_errors();

// kernels/softmax.wgsl
var softmax_default = "// Softmax and log-softmax along one axis of a dense x (outer, cols, inner), and their gradients.\n//   softmax       y = exp(x - max x) / \u03A3 exp(x - max x)      dx = y (dy - \u03A3 y dy)\n//   log-softmax   y = x - max x - ln \u03A3 exp(x - max x)        dx = dy - exp(y) \u03A3 dy\n// An element at LOWEST or below is masked: its probability is 0, its log stays what it is. A row that is masked\n// everywhere gives zeros.\n//\n// A row belongs to a workgroup, or to a thread (lib/rows.wgsl). The first pass over it finds maximum and sum together,\n// the second the result.\n\nalias Element = f32;                 // or a vector of four\nconst LOG: bool = false;             // log-softmax\n\nstruct Params { rows: u32, cols: u32, inner: u32 }   // rows = outer * inner\n@group(1) @binding(0) var<uniform> params: Params;\n\n@group(0) @binding(0) var<storage, read> x: array<Element>;          // forward\n@group(0) @binding(1) var<storage, read_write> y: array<Element>;\n@group(0) @binding(0) var<storage, read> saved_y: array<Element>;    // backward\n@group(0) @binding(1) var<storage, read> dy: array<Element>;\n@group(0) @binding(2) var<storage, read_write> dx: array<Element>;\n\n@compute @workgroup_size(LANES)\nfn forward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(row, params.rows, params.cols, params.inner, lane);\n  var exps = no_exps();\n  for (var i = own.first; i < own.fours; i += 4u * own.step) {\n    let j = i + 2u * own.step;\n    exps = add_four_exps(exps, Floats(x[i]), Floats(x[i + own.step]), Floats(x[j]), Floats(x[j + own.step]));\n  }\n  for (var i = own.fours; i < own.end; i += own.step) { exps = add_exp(exps, Floats(x[i])); }\n  let found = row_exps(exps, lane);\n  let top = found.x;\n  let sum = found.y;\n\n  // Where all is masked, each element would weigh as much as the maximum: 1.\n  let scale = select(1f / max(sum, 1f), 0f, top <= LOWEST);\n  let log_sum = log_safe(sum);\n  for (var i = own.first; i < own.end; i += own.step) {\n    let value = Floats(x[i]);\n    if (LOG) {\n      // The logarithm apart from the maximum, since the sum of both may lose it.\n      y[i] = Element(select((value - top) - log_sum, value, value <= Floats(LOWEST)));\n    } else {\n      y[i] = Element(exp_nonpositive(value - top) * scale);\n    }\n  }\n}\n\n@compute @workgroup_size(LANES)\nfn backward(\n  @builtin(workgroup_id) group: vec3u,\n  @builtin(num_workgroups) groups: vec3u,\n  @builtin(local_invocation_index) lane: u32,\n) {\n  let row = row_of(group.x + group.y * groups.x, lane);\n  let own = part_of_row(row, params.rows, params.cols, params.inner, lane);\n  var sums = Floats(0);\n  for (var i = own.first; i < own.fours; i += 4u * own.step) {\n    let j = i + 2u * own.step;\n    sums += (weighted_dy(i) + weighted_dy(i + own.step)) + (weighted_dy(j) + weighted_dy(j + own.step));\n  }\n  for (var i = own.fours; i < own.end; i += own.step) { sums += weighted_dy(i); }\n  let sum = row_sum(sum_of(vec4f(sums)), lane);\n\n  for (var i = own.first; i < own.fours; i += 4u * own.step) {\n    store_dx(i, sum);\n    store_dx(i + own.step, sum);\n    store_dx(i + 2u * own.step, sum);\n    store_dx(i + 3u * own.step, sum);\n  }\n  for (var i = own.fours; i < own.end; i += own.step) { store_dx(i, sum); }\n}\n\nfn weighted_dy(i: u32) -> Floats {\n  if (LOG) { return Floats(dy[i]); }\n  return Floats(dy[i]) * Floats(saved_y[i]);\n}\n\nfn store_dx(i: u32, sum: f32) {\n  let slope = Floats(dy[i]);\n  let value = Floats(saved_y[i]);\n  if (LOG) {\n    dx[i] = Element(slope - exp_nonpositive(value) * sum);\n  } else {\n    dx[i] = Element(value * (slope - sum));\n  }\n}\n";

// src/ops/softmax.ts
var kernel20 = kernelFile("softmax", softmax_default);
function logSoftmax(x2, axis = -1) {
  return along("logSoftmax", x2, axis, (dy, y, axis2) => {
    const total = sum(dy, { axis: axis2, keepDims: true });
    return sub(dy, mul(exp(y), total));
  });
}
function along(name, x2, axis, derivative2) {
  expectDType(name, "x", x2, "f32", "f16");
  const { axis: at, rows: rows2, cols, inner, workgroups, constants: constants3 } = rowVectorsAlong(name, x2, axis);
  const run4 = (entry, inputs) => {
    const result2 = allocate(x2.runtime, x2.shape, x2.dtype);
    launch(kernel20, entry, {
      inputs,
      outputs: [result2],
      params: { rows: rows2, cols, inner },
      constants: {
        LOG: String(name === "logSoftmax"),
        ...constants3
      },
      workgroups,
      flops: 8 * x2.size
    });
    return result2;
  };
  const output = run4("forward", [x2]);
  return record({
    name,
    inputs: [x2],
    output,
    saved: [output],
    backward: (dy, [y]) => [derivative2(dy, y, at)],
    fused: (dy, [y]) => [run4("backward", [y, dy])]
  });
}

// src/ops/policy_head.ts
var kernel21 = kernelFile("policy_head", policy_head_default);
var LOWEST = -34028234663852886e22;
var LEAST_LOG = -100;
function policyHead(logits, actions, { actionMask } = {}) {
  const A = checkArguments4(logits, actions, actionMask);
  const { runtime } = logits;
  const allowed = actionMask ?? actions;
  const [logProb, entropy] = [0, 1].map(() => allocate(runtime, actions.shape, "f32"));
  const parts = allocate(runtime, [actions.size, 2], "f32");
  const masked2 = { ACTION_MASKED: String(actionMask !== void 0) };
  const { workgroups, constants: constants3 } = rowsAlong("policyHead", logits, -1);
  launch(kernel21, "forward", {
    inputs: [logits, actions, allowed],
    outputs: [logProb, entropy, parts],
    params: { samples: actions.size, actions: A },
    constants: { ...constants3, ...masked2 },
    workgroups: actions.size > 0 ? workgroups : 0,
    flops: 30 * logits.size,
    fault: `policyHead: an action is out of range [0, ${A})`
  });
  const gradient2 = ([logits2, actions2, allowed2, entropy2, parts2], dLogProb, dEntropy) => {
    const dlogits = allocate(runtime, logits2.shape, "f32");
    launch(kernel21, "backward", {
      inputs: [logits2, actions2, allowed2, entropy2, parts2, dLogProb ?? entropy2, dEntropy ?? entropy2],
      outputs: [dlogits],
      params: { samples: actions2.size, actions: A, fault: 0 },
      constants: {
        ...masked2,
        BY_LOG_PROB: String(dLogProb !== null),
        BY_ENTROPY: String(dEntropy !== null)
      },
      workgroups: groupsFor(logits2.size),
      flops: 20 * logits2.size
    });
    return dlogits;
  };
  const saved = [logits, actions, allowed, entropy, parts];
  record({
    name: "policyHead.entropy",
    inputs: [logits],
    output: entropy,
    saved,
    // dlogits = -π (log π + H) dy
    backward: (dy, [logits2, , allowed2, entropy2]) => {
      const logPi = logPolicy(logits2, actionMask && allowed2);
      const surprise = add(logPi, perRow(entropy2));
      return [neg(mul(perRow(dy), mul(exp(logPi), surprise)))];
    },
    fused: (dy, saved2) => [gradient2(saved2, null, dy)]
  });
  record({
    name: "policyHead.logProb",
    inputs: [logits, entropy],
    output: logProb,
    saved,
    // dlogits = ([a = action] - π) dy
    backward: (dy, [logits2, actions2, allowed2]) => {
      const pi = exp(logPolicy(logits2, actionMask && allowed2));
      const chosen = oneHot(actions2, { depth: A });
      const hit = actionMask ? mul(chosen, cast(notEqual(allowed2, 0), "f32")) : chosen;
      return [mul(perRow(dy), sub(hit, pi)), null];
    },
    fused: (dy, saved2, take) => [gradient2(saved2, dy, take(1)), null]
  });
  parts.dispose();
  return { logProb, entropy };
}
function logPolicy(logits, actionMask) {
  const allowed = actionMask ? where(notEqual(actionMask, 0), logits, LOWEST) : logits;
  return maximum(logSoftmax(allowed), LEAST_LOG);
}
var perRow = (x2) => reshape(x2, [...x2.shape, 1]);
function checkArguments4(logits, actions, actionMask) {
  const A = logits.shape.at(-1);
  if (!A) throw new ShapeError(`policyHead: logits is ${format(logits.shape)}, expected [..., A]`);
  expectDType("policyHead", "logits", logits, "f32");
  expectShape("policyHead", "actions", actions, logits.shape.slice(0, -1));
  expectDType("policyHead", "actions", actions, "i32", "u32");
  if (actionMask) {
    expectShape("policyHead", "actionMask", actionMask, logits.shape);
    expectDType("policyHead", "actionMask", actionMask, "i32", "u32", "f32");
  }
  return A;
}

// src/rl/random.ts
init_errors();
var RandomSequence = class {
  #seed;
  #stream;
  #key;
  #position;
  #block = [0, 0, 0, 0];
  #blockIndex = -1;
  constructor({ seed, stream = 0, position = 0 }) {
    this.#seed = seed;
    this.#stream = stream;
    this.#key = keyOf(seed);
    this.#position = position;
  }
  /** What the rest of the sequence follows from: `new RandomSequence(random.at)` gives the same numbers. */
  get at() {
    return { seed: this.#seed, stream: this.#stream, position: this.#position };
  }
  /** In [low, high), of 2^24 values. */
  uniform(low = 0, high = 1) {
    return low + (high - low) * uniformFromBits(this.#word());
  }
  /** Standard normal; takes two words. */
  normal() {
    return normalPair(this.#word(), this.#word())[0];
  }
  /** One of 0 … n - 1, n at most 2^24. */
  integer(n) {
    return Math.floor(this.uniform() * n);
  }
  /** An index, with probability proportional to its weight. @throws ConfigError where no weight is positive. */
  choice(weights) {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i];
    if (!(total > 0)) throw new ConfigError(`choice: the weights sum to ${total}`);
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] <= 0) continue;
      last = i;
      left -= weights[i];
      if (left < 0) return i;
    }
    return last;
  }
  #word() {
    const block = Math.floor(this.#position / 4);
    if (block !== this.#blockIndex) {
      this.#block = randomBlock(block, this.#stream, 0, this.#key);
      this.#blockIndex = block;
    }
    return this.#block[this.#position++ % 4];
  }
};

// src/rl/learner.ts
init_errors();
async function requireFiniteMetrics(metrics, model) {
  const bad = Object.entries(metrics).find(([, value2]) => !Number.isFinite(value2));
  if (!bad) return;
  const [metric, value] = bad;
  for (const [name, x2] of model.namedTensors()) {
    const data2 = await x2.data();
    const at = indexOfNonFinite({ shape: x2.shape, dtype: x2.dtype, data: data2 });
    if (at >= 0)
      throw new DataError(`${metric} is ${value}; the first tensor that is not finite is ${name}`);
  }
  throw new DataError(`${metric} is ${value}, and all tensors of the model are finite`);
}

// src/rl/minibatches.ts
var STREAM3 = 1835626089;
function shuffled(count2, random) {
  const order = Int32Array.from({ length: count2 }, (_, i) => i);
  for (let i = count2 - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
function epochOrder(count2, seed, epoch) {
  return shuffled(count2, new RandomSequence({ seed, stream: STREAM3, position: epoch * 4 * count2 }));
}
var rowsOf3 = (rollout, ids) => ofEach(rollout, (x2) => rowsAt(x2, ids));
var rowsBetween = (rollout, begin2, end) => ofEach(rollout, (x2) => slice(x2, { start: [begin2], end: [end] }));
function ofEach(rollout, rows2) {
  const found = Object.entries(rollout).map(
    ([name, x2]) => [name, x2 && rows2(x2)]
  );
  return Object.fromEntries(found);
}
function rowsAt(x2, ids) {
  if (x2.rank === 1) return gather(x2, ids, { axis: 0 });
  const [count2, ...shape] = x2.shape;
  const width = shape.reduce((product2, n) => product2 * n, 1);
  const table2 = reshape(x2, [count2, width]);
  const rows2 = x2.dtype === "f32" ? embedding(table2, ids) : gather(table2, expand(reshape(ids, [-1, 1]), [ids.size, width]), { axis: 0 });
  return reshape(rows2, [ids.size, ...shape]);
}

// src/rl/progress.ts
async function saveProgress({ model, optimizer, collector }, counters) {
  return {
    tensors: await trainingState(model.namedTensors(), optimizer),
    state: {
      ...counters,
      norm: model.norm?.snapshot() ?? null,
      collector: await collector.snapshot()
    }
  };
}
function loadProgress({ model, optimizer, collector }, { tensors, state }) {
  const saved = state;
  restoreTraining(model.namedTensors(), optimizer, { step: saved.updates, tensors });
  if (saved.norm) model.norm?.restore(saved.norm);
  collector.restore(saved.collector);
  return saved;
}

// src/rl/on_policy.ts
var ON_POLICY_CHECKS = {
  copies: positiveInteger,
  environments: oneOf("auto", "kernel", "typescript"),
  rolloutSteps: positiveInteger,
  epochs: positiveInteger,
  minibatches: positiveInteger,
  learningRate: positive,
  schedule: oneOf("linear", "constant"),
  gamma: between(0, 1),
  lambda: between(0, 1),
  maxGradNorm: positive,
  targetKl: nullOr(positive),
  hidden: listOf(positiveInteger),
  noiseSteps: nullOr(positiveInteger)
};
var ADAM_EPS = 1e-5;
var OnPolicy = class {
  /** @throws ConfigError where the minibatches do not divide a rollout, or the parts a minibatch */
  constructor(device2, model, collector, settings2, loss, weight = stepsCounted) {
    this.device = device2;
    this.model = model;
    this.collector = collector;
    this.settings = settings2;
    this.loss = loss;
    this.weight = weight;
    const { minibatches, learningRate, accumulate = 1 } = settings2;
    const samples = collector.rollout.advantages.shape[0];
    if (samples % minibatches !== 0)
      throw new ConfigError(
        `minibatches is ${minibatches}; a rollout has ${samples} samples, which it does not divide`
      );
    if (samples / minibatches % accumulate !== 0)
      throw new ConfigError(
        `accumulate is ${accumulate}; a minibatch has ${samples / minibatches} samples, which it does not divide`
      );
    this.stepsPerIteration = samples;
    this.#optimizer = new AdamW(model.namedParameters(), {
      lr: learningRate,
      eps: ADAM_EPS,
      weightDecay: 0
    });
    const ids = device2.zeros([samples / minibatches], { dtype: "i32" });
    this.#ids = Object.assign(ids, { kept: true });
  }
  device;
  model;
  collector;
  settings;
  loss;
  weight;
  /** Rows of a rollout. */
  stepsPerIteration;
  #optimizer;
  /** Of the samples of an update. */
  #ids;
  /** Gives the metrics of an update, named by `#names`. */
  #update = null;
  #names = [];
  #updates = 0;
  #epochs = 0;
  async iterate(index, count2) {
    const { learningRate, schedule, epochs, targetKl, seed } = this.settings;
    this.#optimizer.lr = schedule === "linear" ? learningRate * (1 - index / count2) : learningRate;
    const episodes = await this.collector.collect();
    let metrics = {};
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = epochOrder(this.stepsPerIteration, seed, this.#epochs++);
      for (let at = 0; at < order.length; at += this.#ids.size) {
        this.#ids.write(order.subarray(at, at + this.#ids.size));
        this.#optimizer.advance();
        this.#updated();
        this.#updates++;
      }
      if (targetKl === null && epoch < epochs - 1) continue;
      metrics = await this.#metrics();
      if (targetKl !== null && metrics.approxKl > 1.5 * targetKl) break;
    }
    this.collector.updateNorm();
    await requireFiniteMetrics(metrics, this.model);
    return { episodes, metrics };
  }
  #updated() {
    if (this.#update) this.#update();
    else this.#update = this.device.capture(() => this.#learn());
  }
  /** One update, on the samples at `ids`. */
  #learn() {
    const { minibatches, normaliseAdvantages, accumulate = 1, maxGradNorm } = this.settings;
    const samples = noGrad(() => {
      const { rollout } = this.collector;
      const rows2 = minibatches === 1 ? rollout : rowsOf3(rollout, this.#ids);
      return normaliseAdvantages ? { ...rows2, advantages: standardised(rows2.advantages) } : rows2;
    });
    const losses = accumulate === 1 ? this.#differentiate(samples) : this.#inParts(samples);
    const gradNorm2 = clipGradNorm(this.#optimizer, maxGradNorm);
    this.#optimizer.apply({ zeroGrad: true });
    return noGrad(() => concat([losses, reshape(gradNorm2, [1])]));
  }
  /** Adds to the gradients, `dy` times. @returns the losses, named by `#names` */
  #differentiate(samples, dy) {
    const losses = this.loss(samples);
    backward(losses.loss, dy && { dy });
    this.#names = [...Object.keys(losses), "gradNorm"];
    return noGrad(() => stack(Object.values(losses)));
  }
  /** The same gradients part by part: each counts by its share of the minibatch. */
  #inParts(samples) {
    const { accumulate = 1 } = this.settings;
    const size = this.#ids.size / accumulate;
    const whole = noGrad(() => maximum(this.weight(samples), 1));
    const parts = Array.from(
      { length: accumulate },
      (_, i) => this.device.scope(() => {
        const part = noGrad(() => rowsBetween(samples, i * size, (i + 1) * size));
        const share = noGrad(() => div(this.weight(part), whole));
        const losses = this.#differentiate(part, share);
        return noGrad(() => mul(losses, share));
      })
    );
    return noGrad(() => sum(stack(parts), { axis: 0 }));
  }
  /** Of the last update. */
  async #metrics() {
    const values = await this.#update.result.data();
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i]]));
  }
  save() {
    return saveProgress(this.#parts, { updates: this.#updates, epochs: this.#epochs });
  }
  load(saved) {
    ({ updates: this.#updates, epochs: this.#epochs } = loadProgress(this.#parts, saved));
  }
  get #parts() {
    const { model, collector } = this;
    return { model, optimizer: this.#optimizer, collector };
  }
  dispose() {
    this.#update?.dispose();
    this.#update?.result.dispose();
    this.#ids.dispose();
    this.#optimizer.dispose();
    this.collector.dispose();
  }
};
function stepsCounted({ mask, advantages }) {
  if (!mask) return full(advantages.runtime, [], advantages.size, "f32");
  return sum(cast(notEqual(mask, 0), "f32"));
}
function standardised(x2) {
  const centred = sub(x2, mean(x2));
  const variance = mul(mean(square(centred)), x2.size / Math.max(1, x2.size - 1));
  return div(centred, add(sqrt(variance), 1e-8));
}

// src/posttrain/advantages.ts
var LEAST_DEVIATION = 1e-4;
var groupAdvantages = (options) => ({ rewards, mask }) => {
  const [N, L] = rewards.shape;
  const totals = sum(mul(rewards, mask), { axis: 1 });
  const each = reshape(compared(totals, options), [N, 1]);
  const advantages = mul(expand(each, [N, L]), mask);
  return { advantages, returns: advantages };
};
function compared(totals, { groupSize: G, baseline, scale }) {
  const groups = reshape(totals, [-1, G]);
  const centred = sub(groups, mean(groups, { axis: 1, keepDims: true }));
  const difference2 = baseline === "mean" ? centred : mul(centred, G / (G - 1));
  if (scale === "none") return reshape(difference2, totals.shape);
  const batch = sub(groups, mean(groups));
  const deviation = scale === "group" ? sqrt(div(sum(square(centred), { axis: 1, keepDims: true }), G - 1)) : sqrt(div(sum(square(batch)), totals.size - 1));
  return reshape(div(difference2, add(deviation, LEAST_DEVIATION)), totals.shape);
}
function whitened(x2, mask, { shift = true } = {}) {
  const count2 = maximum(sum(mask), 1);
  const centre = div(sum(mul(x2, mask)), count2);
  const centred = mul(sub(x2, centre), mask);
  const scaled = div(centred, sqrt(add(div(sum(square(centred)), count2), 1e-8)));
  return shift ? scaled : mul(add(scaled, centre), mask);
}

// src/posttrain/kl.ts
var KL_ESTIMATORS = ["k1", "k2", "k3"];
function klEstimate(estimator, logProbs, referenceLogProbs) {
  const ratio = sub(logProbs, referenceLogProbs);
  if (estimator === "k1") return ratio;
  if (estimator === "k2") return mul(square(ratio), 0.5);
  return add(sub(exp(neg(ratio)), 1), ratio);
}
function adaptedBeta(beta, kl, n, { target: target2, horizon = 1e4 }) {
  const error = Math.min(0.2, Math.max(-0.2, kl / target2 - 1));
  return beta * (1 + error * n / horizon);
}

// src/posttrain/group_losses.ts
var rowSum = (x2) => sum(x2, { axis: 1, keepDims: true });
var tokenRatio = ({ logRatio }) => exp(logRatio);
var answerRatio = ({ logRatio, mask }) => exp(div(rowSum(logRatio), maximum(rowSum(mask), 1)));
var clipped = (ratioOf) => (terms, { clipLow, clipHigh }) => {
  const ratio = ratioOf(terms);
  const bounded = clamp(ratio, { min: 1 - clipLow, max: 1 + clipHigh });
  return neg(minimum(mul(ratio, terms.advantages), mul(bounded, terms.advantages)));
};
var cispo = (terms, { clipHigh }) => {
  const weight = noGrad(() => mul(minimum(tokenRatio(terms), 1 + clipHigh), terms.advantages));
  return neg(mul(weight, terms.logProbs));
};
var sapo = (terms) => {
  const { advantages } = terms;
  const tau = noGrad(() => where(greater(advantages, 0), 1, 1.05));
  const gate = sigmoid(mul(tau, sub(tokenRatio(terms), 1)));
  return neg(mul(mul(gate, div(4, tau)), advantages));
};
var vespo = ({ logProbs, logRatio, advantages }) => {
  const weight = noGrad(() => {
    const good = greaterEqual(advantages, 0);
    const [k, lambda] = [where(good, 2, 3), where(good, 3, 2)];
    const logWeight = clamp(rowSum(logRatio), { min: -20, max: 20 });
    const phi = exp(add(mul(k, logWeight), mul(lambda, sub(1, exp(logWeight)))));
    return mul(phi, advantages);
  });
  return neg(mul(weight, logProbs));
};
var rows = (mask) => full(mask.runtime, [], mask.shape[0], "f32");
var answersCounted = (mask) => sum(cast(notEqual(rowSum(mask), 0), "f32"));
var tokenMean = (x2, mask) => div(sum(mul(x2, mask)), maximum(sum(mask), 1));
var overAnswers = {
  of: (x2, mask) => {
    const each = div(rowSum(mul(x2, mask)), maximum(rowSum(mask), 1));
    return div(sum(each), maximum(answersCounted(mask), 1));
  },
  weight: answersCounted
};
var overTokens = { of: tokenMean, weight: (mask) => sum(mask) };
var overPart = { of: tokenMean, weight: rows };
var overConstant = {
  of: (x2, mask, { maxNewTokens }) => div(mean(rowSum(mul(x2, mask))), maxNewTokens),
  weight: rows
};
var sumOfAnswers = { of: (x2, mask) => mean(rowSum(mul(x2, mask))), weight: rows };
var LOSSES = {
  grpo: { term: clipped(tokenRatio), mean: overAnswers },
  bnpo: { term: clipped(tokenRatio), mean: overPart },
  dapo: { term: clipped(tokenRatio), mean: overTokens },
  dr_grpo: { term: clipped(tokenRatio), mean: overConstant },
  gspo: { term: clipped(answerRatio), mean: overAnswers },
  luspo: { term: clipped(answerRatio), mean: sumOfAnswers },
  cispo: { term: cispo, mean: overTokens },
  sapo: { term: sapo, mean: overAnswers },
  vespo: { term: vespo, mean: overTokens }
};
var GROUP_LOSSES = Object.keys(LOSSES);
var groupLossWeight = (loss) => ({ mask }) => LOSSES[loss].mean.weight(mask);
function groupLoss(judged, rollout, penalty, settings2) {
  const { mask, advantages } = rollout;
  const { term, mean: average } = LOSSES[settings2.loss];
  const logProbs = mul(judged.logProbs, mask);
  const logRatio = sub(logProbs, mul(rollout.logProbs, mask));
  const ofTokens = term({ logProbs, logRatio, advantages, mask }, settings2);
  const policyLoss = average.of(ofTokens, mask, settings2);
  const reference = mul(rollout.referenceLogProbs, mask);
  const klLoss = penalty && average.of(klEstimate(penalty.estimator, logProbs, reference), mask, settings2);
  return {
    loss: klLoss ? add(policyLoss, mul(klLoss, penalty.beta)) : policyLoss,
    policyLoss,
    ...klLoss && { klLoss },
    ...noGrad(() => monitored(judged.entropy, logRatio, rollout, settings2))
  };
}
function monitored(entropy, logRatio, { advantages, mask }, { clipLow, clipHigh }) {
  const ratio = exp(logRatio);
  const share = (outside, against) => tokenMean(mul(cast(outside, "f32"), cast(against, "f32")), mask);
  return {
    entropy: tokenMean(entropy, mask),
    approxKl: tokenMean(sub(sub(ratio, 1), logRatio), mask),
    clippedLow: share(less(ratio, 1 - clipLow), less(advantages, 0)),
    clippedHigh: share(greater(ratio, 1 + clipHigh), greater(advantages, 0))
  };
}

// src/posttrain/rlhf.ts
init_errors();

// src/posttrain/text_collector.ts
init_errors();

// src/io/mean_interval.ts
var T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
var Z = 1.959964;
function meanInterval(values) {
  const n = values.length;
  const mean2 = values.reduce((sum2, x2) => sum2 + x2, 0) / n;
  const squares = values.reduce((sum2, x2) => sum2 + (x2 - mean2) ** 2, 0);
  return { mean: mean2, margin: tOf(n - 1) * Math.sqrt(squares / (n - 1) / n) };
}
function tOf(df) {
  const first = (Z ** 3 + Z) / 4;
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  return T[df - 1] ?? Z + first / df + second / df ** 2;
}

// src/posttrain/speaker.ts
function readTokens({ model, adapter }, ids, targets, { temperature = 1 } = {}) {
  return withAdapter2(model, adapter, () => {
    const hidden = model.hidden(ids);
    const logits = model.logits(hidden);
    const scaled = temperature === 1 ? logits : mul(logits, 1 / temperature);
    return { hidden, ...policyHead(scaled, targets) };
  });
}
function speakersTensors({ model, adapter }) {
  const belongs = (name) => adapter === null ? !name.includes(".adapters.") : name.includes(`.adapters.${adapter}.`);
  return new Map([...model.namedTensors()].filter(([name]) => belongs(name)));
}

// src/posttrain/text_collector.ts
var NOISE = 5;
var TextCollector = class {
  constructor(device2, policy, options) {
    this.device = device2;
    this.policy = policy;
    this.options = options;
    const { answers: N, promptTokens, maxNewTokens, groupSize = 1, beta, reference } = options;
    checkRewards(options.rewards);
    if (N % groupSize !== 0)
      throw new ConfigError(`${N} answers are no whole groups of ${groupSize}`);
    if (!(beta >= 0)) throw new ConfigError(`beta is ${beta}, expected 0 or more`);
    if (beta > 0 && !reference)
      throw new ConfigError(`beta is ${beta}, and there is no reference to hold the policy to`);
    const L = promptTokens + maxNewTokens - 1;
    const kept2 = (shape, dtype = "f32") => Object.assign(device2.zeros(shape, { dtype }), { kept: true });
    this.rollout = {
      ids: kept2([N, L], "i32"),
      targets: kept2([N, L], "i32"),
      mask: kept2([N, L]),
      logProbs: kept2([N, L]),
      referenceLogProbs: kept2([N, L]),
      values: kept2([N, L]),
      advantages: kept2([N, L]),
      returns: kept2([N, L])
    };
    [this.#rewards, this.#ends] = [kept2([N, L]), kept2([N, L])];
    [this.#counts, this.beta] = [kept2([N, 1]), kept2([])];
    this.#betaNow = beta;
  }
  device;
  policy;
  options;
  rollout;
  /** Of the last rollout. */
  answers = [];
  scores = { totals: [], parts: {} };
  metrics = { score: 0, kl: 0, beta: 0, length: 0, finished: 0 };
  /** β, for a loss that it acts in: scalar. */
  beta;
  #rewards;
  #ends;
  /** [N, 1]: 1 where the answer is learned from. */
  #counts;
  #betaNow;
  #rollouts = 0;
  #prepare = null;
  async collect() {
    const { codec, draw = drawAnswers, tasks, rewards } = this.options;
    const { answers: N, maxNewTokens, ends } = this.options;
    const { speaker, temperature } = this.policy;
    const first = this.options.seed * 2 ** 32 + this.#rollouts * N;
    this.answers = await draw(this.device, speaker, codec, tasks(this.#rollouts), {
      maxNewTokens,
      temperature,
      ends,
      seeds: Array.from({ length: N }, (_, i) => first + i)
    });
    this.#rollouts++;
    this.scores = await scoreAnswers(rewards, this.answers);
    const totals = this.#totals();
    const equal2 = this.#equalGroups(totals);
    this.#write(totals, equal2);
    if (this.#prepare) this.#prepare();
    else this.#prepare = this.device.capture(() => noGrad(() => this.#estimate()));
    const kl = [...await this.#prepare.result.data()];
    this.#measure(totals, kl, equal2.size);
    return this.answers.map(({ ids, finished }, copy) => ({
      copy,
      return: totals[copy],
      length: ids.length,
      truncated: !finished
    }));
  }
  updateNorm() {
  }
  // texts are not normalised
  #totals() {
    const { missingEnd } = this.options;
    return this.scores.totals.map(
      (total, i) => missingEnd === null || this.answers[i].finished ? total : missingEnd
    );
  }
  /** Numbers of the groups in which nothing is better than anything else. */
  #equalGroups(totals) {
    const { groupSize = 1 } = this.options;
    if (groupSize === 1) return /* @__PURE__ */ new Set();
    const groups = Array.from({ length: totals.length / groupSize }, (_, g) => g);
    const differs = (g) => totals.slice(g * groupSize, (g + 1) * groupSize).some((x2) => x2 !== totals[g * groupSize]);
    return new Set(groups.filter((g) => !differs(g)));
  }
  #write(totals, equal2) {
    const { promptTokens, maxNewTokens, groupSize = 1, maskTruncated = false } = this.options;
    const { answers, rollout } = this;
    const L = promptTokens + maxNewTokens - 1;
    const rows2 = answerRows(answers, L);
    const skipped = (row) => this.#betaNow === 0 && equal2.has(Math.floor(row / groupSize));
    const counts = answers.map(
      ({ finished }, row) => !skipped(row) && (finished || !maskTruncated)
    );
    this.#counts.write(counts.map(Number));
    rollout.ids.write(rows2.ids);
    rollout.targets.write(rows2.targets);
    rollout.mask.write(rows2.mask);
    rollout.logProbs.write(perToken(answers, L, (row) => answers[row].logProbs));
    const atEnd = (value) => perToken(answers, L, (row) => [...answers[row].ids.slice(1).map(() => 0), value(row)]);
    this.#rewards.write(atEnd((row) => totals[row]));
    this.#ends.write(atEnd(() => 1));
    this.beta.write([this.#betaNow]);
  }
  /** What follows from a rollout and the policy that made it. @returns [N]: the KL of each answer */
  #estimate() {
    const { reference, klIn, klEstimator, whitenRewards, whitenAdvantages } = this.options;
    const { ids, targets, mask, logProbs, ...estimated } = this.rollout;
    const { temperature } = this.policy;
    if (this.policy.valueHead) copyInto(estimated.values, this.policy.judge(ids, targets).values);
    if (reference) {
      const { logProb } = readTokens(reference, ids, targets, { temperature });
      copyInto(estimated.referenceLogProbs, mul(logProb, mask));
    }
    const { referenceLogProbs, values } = estimated;
    const kl = mul(klEstimate(klEstimator, logProbs, referenceLogProbs), mask);
    const cost = reference && klIn === "reward" ? mul(kl, this.beta) : null;
    const plain2 = cost ? sub(this.#rewards, cost) : this.#rewards;
    const rewards = whitenRewards ? whitened(plain2, mask, { shift: false }) : plain2;
    const found = this.options.estimate({ rewards, values, ends: this.#ends, mask });
    const advantages = whitenAdvantages ? whitened(found.advantages, mask) : found.advantages;
    copyInto(estimated.advantages, advantages);
    copyInto(estimated.returns, found.returns);
    const ofAnswers = sum(mul(sub(logProbs, referenceLogProbs), mask), { axis: 1 });
    copyInto(mask, mul(mask, this.#counts));
    return ofAnswers;
  }
  #measure(totals, kls, equalGroups) {
    const { reference, adaptiveKl, groupSize = 1 } = this.options;
    const mean2 = (values) => values.reduce((a, b) => a + b, 0) / values.length;
    const kl = reference ? mean2(kls) : 0;
    const parts = Object.entries(this.scores.parts).map(
      ([name, values]) => [`reward/${name}`, mean2(values)]
    );
    this.metrics = {
      score: mean2(totals),
      ...parts.length > 1 && Object.fromEntries(parts),
      kl,
      beta: this.#betaNow,
      length: mean2(this.answers.map(({ ids }) => ids.length)),
      finished: mean2(this.answers.map(({ finished }) => Number(finished))),
      ...groupSize > 1 && { equalGroups }
    };
    if (reference) this.#warnBelowZero(kls);
    if (adaptiveKl) this.#betaNow = adaptedBeta(this.#betaNow, kl, totals.length, adaptiveKl);
  }
  #warnBelowZero(kls) {
    const { mean: mean2, margin } = meanInterval(kls);
    const error = margin / 2;
    if (kls.length < 4 || !(mean2 < -NOISE * Math.max(error, 1e-4))) return;
    this.options.onWarning?.(
      `KL from the reference is ${mean2.toFixed(3)} \xB1 ${error.toFixed(3)}, below 0 beyond noise: answers are not drawn from the distribution whose log-probabilities are compared (another temperature, a cut by top-k or top-p, or an adapter that differs between drawing and judging)`
    );
  }
  async snapshot() {
    return { rollouts: this.#rollouts, beta: this.#betaNow };
  }
  restore(snapshot) {
    const saved = snapshot;
    [this.#rollouts, this.#betaNow] = [saved.rollouts, saved.beta];
  }
  dispose() {
    this.#prepare?.result.dispose();
    this.#prepare?.dispose();
    const own = [
      ...Object.values(this.rollout),
      this.#rewards,
      this.#ends,
      this.#counts,
      this.beta
    ];
    for (const x2 of own) x2.dispose();
  }
};

// src/posttrain/text_policy.ts
init_errors();
var TextPolicy = class extends Module {
  speaker;
  temperature;
  valueHead;
  /** @throws ConfigError where the model has no such adapter. */
  constructor(device2, speaker, { values, temperature }) {
    super();
    this.speaker = speaker;
    this.temperature = temperature;
    const { model, adapter } = speaker;
    const own = speakersTensors(speaker);
    if (own.size === 0)
      throw new ConfigError(`TextPolicy: the model has no adapter "${adapter}" to train`);
    for (const [name, x2] of model.namedTensors()) if (!own.has(name)) x2.requireGrad(false);
    for (const x2 of own.values()) x2.requireGrad();
    const head = () => new Linear(new Initialiser(device2), model.config.width, 1, { bias: true, std: 0 });
    this.valueHead = values ? head() : null;
  }
  namedTensors(prefix = "") {
    const head = this.valueHead?.namedTensors(`${prefix}valueHead.`) ?? [];
    const own = [...speakersTensors(this.speaker)].map(([name, x2]) => [prefix + name, x2]);
    return new Map([...own, ...head]);
  }
  judge(ids, targets) {
    const { speaker, temperature, valueHead } = this;
    const { hidden, logProb, entropy } = readTokens(speaker, ids, targets, { temperature });
    const values = valueHead && reshape(valueHead.forward(hidden), targets.shape);
    return { logProbs: logProb, entropy, values };
  }
};

// src/posttrain/rlhf.ts
var DRAWING_CHECKS = {
  seed: nonNegativeInteger,
  answers: positiveInteger,
  maxNewTokens: positiveInteger,
  temperature: positive,
  beta: nonNegative,
  klEstimator: oneOf(...KL_ESTIMATORS),
  targetAnswerKl: nullOr(positive),
  klHorizon: positive,
  missingEnd: nullOr({ expected: "a number", accepts: Number.isFinite }),
  epochs: positiveInteger,
  minibatches: positiveInteger,
  accumulate: positiveInteger,
  learningRate: positive,
  schedule: oneOf("linear", "constant"),
  maxGradNorm: positive
};
var RLHF_CHECKS = {
  ...DRAWING_CHECKS,
  gamma: between(0, 1),
  lambda: between(0, 1),
  clip: positive,
  valueClip: nullOr(positive),
  valueCoef: nonNegative,
  entropyCoef: nonNegative,
  targetKl: nullOr(positive)
};
function drawingOptions({ codec, draw, tasks, rewards, reference, promptTokens, ends, policy, onWarning }, settings2) {
  const { answers, maxNewTokens, beta, klEstimator, targetAnswerKl, klHorizon } = settings2;
  const { context } = policy.model.config;
  if (promptTokens + maxNewTokens - 1 > context) {
    throw new ConfigError(
      `maxNewTokens is ${maxNewTokens}; with prompts of up to ${promptTokens} tokens that exceeds the model's context of ${context} (at most ${context + 1 - promptTokens} fit)`
    );
  }
  const adaptiveKl = targetAnswerKl === null ? null : { target: targetAnswerKl, horizon: klHorizon };
  const { missingEnd, seed } = settings2;
  return {
    ...{ codec, tasks, rewards, reference, promptTokens, ends, answers, maxNewTokens, beta, seed },
    ...{ klEstimator, adaptiveKl, missingEnd, ...draw && { draw } },
    ...onWarning && { onWarning }
  };
}

// src/posttrain/grpo.ts
var GRPO_DEFAULTS = {
  seed: 0,
  answers: 64,
  maxNewTokens: 48,
  temperature: 1,
  beta: 0.04,
  klEstimator: "k3",
  targetAnswerKl: null,
  klHorizon: 1e4,
  missingEnd: null,
  epochs: 1,
  minibatches: 1,
  accumulate: 1,
  learningRate: 1e-3,
  schedule: "constant",
  maxGradNorm: 1,
  groupSize: 8,
  baseline: "mean",
  scale: "group",
  klIn: "loss",
  loss: "grpo",
  clipLow: 0.2,
  clipHigh: 0.2,
  maskTruncated: false
};
var REINFORCE = { scale: "none", klIn: "reward", klEstimator: "k1", loss: "dr_grpo" };
var GRPO_METHODS = {
  grpo: {},
  dr_grpo: { scale: "none", beta: 0, loss: "dr_grpo" },
  dapo: { beta: 0, loss: "dapo", clipHigh: 0.28 },
  gspo: { beta: 0, loss: "gspo", clipLow: 3e-4, clipHigh: 4e-4 },
  rloo: { ...REINFORCE, baseline: "leaveOneOut" },
  reinforce: REINFORCE
};
var GRPO_CHECKS = {
  ...DRAWING_CHECKS,
  groupSize: {
    expected: "a whole number of at least 2: one answer has none to be compared with",
    accepts: (value) => Number.isSafeInteger(value) && value >= 2
  },
  baseline: oneOf("mean", "leaveOneOut"),
  scale: oneOf("none", "group", "batch"),
  klIn: oneOf("reward", "loss"),
  loss: oneOf(...GROUP_LOSSES),
  clipLow: positive,
  clipHigh: positive
};
function grpo(device2, problem, settings2) {
  const { beta, klIn, klEstimator, groupSize, loss, maskTruncated } = settings2;
  if (beta > 0 && klIn === "loss" && klEstimator === "k1")
    throw new ConfigError(
      'klEstimator k1 in the loss has a gradient of mean 0 and holds nothing; take k2 or k3 there, or klIn "reward"'
    );
  const policy = new TextPolicy(device2, problem.policy, { ...settings2, values: false });
  const collector = new TextCollector(device2, policy, {
    ...drawingOptions(problem, settings2),
    ...{ klIn, groupSize, maskTruncated },
    whitenRewards: false,
    whitenAdvantages: false,
    estimate: groupAdvantages(settings2)
  });
  const penalty = beta > 0 && klIn === "loss" ? { estimator: klEstimator, beta: collector.beta } : null;
  const lossOf2 = (rows2) => groupLoss(policy.judge(rows2.ids, rows2.targets), rows2, penalty, settings2);
  const updates = { ...settings2, normaliseAdvantages: false, targetKl: null };
  const weight = groupLossWeight(loss);
  return { learner: new OnPolicy(device2, policy, collector, updates, lossOf2, weight), collector };
}

// src/posttrain/pass_at_k.ts
init_errors();
function passAtK(n, c, k) {
  if (![n, c, k].every(Number.isInteger) || c < 0 || c > n || k < 1 || k > n)
    throw new DataError(
      `pass@k: n ${n}, c ${c}, k ${k}; expected 0 <= c <= n and 1 <= k <= n, whole numbers`
    );
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= Math.max(0, 1 - k / i);
  return 1 - allWrong;
}
function majority(votes, right) {
  const counts = /* @__PURE__ */ new Map();
  for (const vote of votes) if (vote !== null) counts.set(vote, (counts.get(vote) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const first = [...counts].filter(([, count2]) => count2 === most).map(([vote]) => vote);
  return first.length === 0 ? 0 : first.filter(right).length / first.length;
}
function passRates(prompts, ks) {
  const counted = prompts.map((attempts) => attempts.filter(({ right }) => right).length);
  const pass = ks.map((k) => {
    const each = prompts.map(({ length }, i) => passAtK(length, counted[i], k));
    return [k, meanInterval(each)];
  });
  const majorities = prompts.map((attempts) => {
    const rightVotes = new Set(attempts.filter(({ right }) => right).map(({ vote }) => vote));
    return majority(
      attempts.map(({ vote }) => vote),
      (vote) => rightVotes.has(vote)
    );
  });
  return { pass: Object.fromEntries(pass), majority: meanInterval(majorities) };
}

// src/posttrain/tasks/index.ts
init_errors();

// src/posttrain/tasks/arithmetic.ts
var STREAM4 = 1937075571;
var DIGITS2 = 2;
var arithmetic2 = {
  name: "arithmetic",
  about: `sums of numbers of ${DIGITS2} digits; longer ones have ${DIGITS2 + 1}`,
  tokens: "characters",
  draw({ seed, train, heldOut }) {
    const random = randomStream(seed, STREAM4);
    const sums = (count2, digits, without = []) => {
      const low = 10 ** (digits - 1);
      const summand = () => low + random.integer(9 * low);
      return differentTasks("arithmetic", count2, () => sumOf(summand(), summand()), without);
    };
    const tests = sums(heldOut, DIGITS2);
    return {
      heldOut: tests,
      train: sums(train, DIGITS2, tests),
      longer: sums(heldOut, DIGITS2 + 1)
    };
  },
  right: (text, { answer }) => text.trim() === answer,
  vote: (text) => /^\s*\d+\s*$/.test(text) ? text.trim() : null
};
function sumOf(a, b) {
  const answer = String(a + b);
  return { prompt: `${a}+${b}=`, answer, solution: answer };
}

// src/text/training_loops.ts
init_errors();
var LOOP_BUGS = {
  A: "no zero_grad",
  B: "step before backward",
  C: "zero_grad between backward and step",
  D: "no backward",
  E: "no step",
  F: "none"
};
var PATTERNS = {
  loss: /^loss \+?= /,
  zero: /\.zero_grad\(\)$/,
  backward: /\.backward\(\)$/,
  step: /\.step\(\)$/
};
function loopLine(text) {
  const kinds = Object.keys(PATTERNS);
  const kind = kinds.find((each) => PATTERNS[each].test(text.trim()));
  if (kind) return kind;
  throw new DataError(`training loop: ${JSON.stringify(text)} is no line of it`);
}
function loopBugs(lines) {
  const [zero, backward2, step] = ["zero", "backward", "step"].map(
    (line) => lines.indexOf(line)
  );
  const bugs2 = [];
  if (zero < 0) bugs2.push("A");
  if (backward2 >= 0 && step >= 0 && step < backward2) bugs2.push("B");
  if (backward2 >= 0 && backward2 < zero && zero < step) bugs2.push("C");
  if (backward2 < 0) bugs2.push("D");
  if (step < 0) bugs2.push("E");
  return bugs2.length > 0 ? bugs2 : ["F"];
}

// src/posttrain/tasks/bugs.ts
var STREAM5 = 1651861363;
var MODELS = ["critic", "actor", "model", "net", "value", "head"];
var OPTIMIZERS = ["optim", "opt", "adam", "sgd"];
var INPUTS = ["state", "x", "batch", "image"];
var LOSSES2 = [
  (y) => `0.5 * (${y} - target)**2`,
  (y) => `(${y} - target)**2`,
  (y) => `abs(${y} - target)`,
  (y) => `cross_entropy(${y}, target)`
];
var RIGHT = [
  ["zero", "backward", "step"],
  ["backward", "step", "zero"]
];
var bugs = {
  name: "bugs",
  about: "training loops with a bug or none, multiple choice; longer ones have two bugs",
  tokens: "words",
  draw({ seed, train, heldOut }) {
    const random = randomStream(seed, STREAM5);
    const loops = (count2, two, without = []) => differentTasks("bugs", count2, () => loopTask(drawLoop(random, two)), without);
    const tests = loops(heldOut, false);
    return { heldOut: tests, train: loops(train, false, tests), longer: loops(heldOut, true) };
  },
  right: (text, { answer }) => isChoice(text, answer),
  vote: lettersIn
};
function loopTask(lines) {
  const choices = Object.entries(LOOP_BUGS).map(([letter, bug]) => `${letter} ${bug}.`);
  const prompt = `${lines.join("\n")}
${choices.join(" ")} Wrong:`;
  const answer = loopBugs(lines.map(loopLine)).join("");
  return { prompt, answer, solution: ` ${answer}` };
}
function drawLoop(random, two) {
  const pick = (list2) => list2[random.integer(list2.length)];
  const right = pick(RIGHT);
  const bug = pick(["A", "B", "C", "D", "E", "F"]);
  const lines = two ? spoiled(spoiled(right, "A"), pick(["B", "D", "E"])) : spoiled(right, bug);
  const [model, optimizer, input, loss] = [
    pick(MODELS),
    pick(OPTIMIZERS),
    pick(INPUTS),
    pick(LOSSES2)
  ];
  const code = {
    loss: `loss ${pick(["=", "+="])} ${loss(`${model}(${input})`)}`,
    zero: `${optimizer}.zero_grad()`,
    backward: "loss.backward()",
    step: `${optimizer}.step()`
  };
  return ["loss", ...lines].map((line) => code[line]);
}
function spoiled(lines, bug) {
  const without = (line) => lines.filter((each) => each !== line);
  if (bug === "A") return without("zero");
  if (bug === "B")
    return without("step").flatMap((line) => line === "backward" ? ["step", line] : [line]);
  if (bug === "C") return ["backward", "zero", "step"];
  if (bug === "D") return without("backward");
  return bug === "E" ? without("step") : [...lines];
}

// src/text/derivatives.ts
var SLOPES = {
  ln: (u) => over(ONE, u),
  exp: (u) => call("exp", u),
  sin: (u) => call("cos", u),
  cos: (u) => minus(call("sin", u)),
  tanh: (u) => difference(ONE, power(call("tanh", u), number(2))),
  sqrt: (u) => over(number(0.5), call("sqrt", u)),
  sigma: (u) => times(call("sigma", u), difference(ONE, call("sigma", u)))
};
var ZERO = number(0);
var ONE = number(1);
function derivative(e, name) {
  const d = (part) => derivative(part, name);
  switch (e.kind) {
    case "number":
      return ZERO;
    case "name":
      return e.name === name ? ONE : ZERO;
    case "negative":
      return minus(d(e.of));
    case "call":
      return times(SLOPES[e.name](e.of), d(e.of));
    case "binary": {
      const { operator, left: u, right: v } = e;
      if (operator === "+") return plus(d(u), d(v));
      if (operator === "-") return difference(d(u), d(v));
      if (operator === "*") return plus(times(d(u), v), times(u, d(v)));
      if (operator === "\xB7") return plus(pulled(u, v, name), pulled(v, u, name));
      if (operator === "^") return powerRule(u, v, d(u), d(v));
      return difference(over(d(u), v), over(times(u, d(v)), power(v, number(2))));
    }
  }
}
function powerRule(u, v, du, dv) {
  if (isZero(dv)) return times(times(v, power(u, difference(v, ONE))), du);
  const logarithm = plus(times(dv, call("ln", u)), over(times(v, du), u));
  return times(binary("^", u, v), logarithm);
}
function pulled(u, v, name) {
  if (u.kind === "name") return u.name === name ? v : ZERO;
  if (u.kind === "negative") return minus(pulled(u.of, v, name));
  if (u.kind !== "binary") return ZERO;
  const { operator, left, right } = u;
  if (operator === "+") return plus(pulled(left, v, name), pulled(right, v, name));
  if (operator === "-") return difference(pulled(left, v, name), pulled(right, v, name));
  const [vector, scalar] = isVector(left) ? [left, right] : [right, left];
  const factor = operator === "/" ? over(ONE, scalar) : scalar;
  return plus(
    times(factor, pulled(vector, v, name)),
    times(binary("\xB7", vector, v), derivative(factor, name))
  );
}
var isNumber2 = (e, value) => e.kind === "number" && e.value === value;
var isZero = (e) => isNumber2(e, 0);
function isBelowZero(e) {
  if (e.kind === "number") return e.value < 0;
  if (e.kind === "binary" && e.operator === "*") return isBelowZero(e.left);
  return e.kind === "negative";
}
function minus(e) {
  if (e.kind === "number") return number(0 - e.value);
  if (e.kind === "negative") return e.of;
  const scaled = e.kind === "binary" && e.operator === "*" && e.left.kind === "number";
  return scaled ? times(minus(e.left), e.right) : negative(e);
}
function plus(a, b) {
  if (isZero(a)) return b;
  if (isZero(b)) return a;
  if (a.kind === "number" && b.kind === "number") return number(a.value + b.value);
  return isBelowZero(b) ? binary("-", a, minus(b)) : binary("+", a, b);
}
function difference(a, b) {
  if (isZero(b)) return a;
  if (isZero(a)) return minus(b);
  if (a.kind === "number" && b.kind === "number") return number(a.value - b.value);
  return isBelowZero(b) ? binary("+", a, minus(b)) : binary("-", a, b);
}
function times(a, b) {
  if (isZero(a) || isZero(b)) return ZERO;
  if (isNumber2(a, 1)) return b;
  if (isNumber2(b, 1)) return a;
  if (a.kind === "number" && b.kind === "number") return number(a.value * b.value);
  if (b.kind === "number") return times(b, a);
  if (a.kind === "negative") return minus(times(a.of, b));
  if (b.kind === "negative") return minus(times(a, b.of));
  if (b.kind === "binary" && b.operator === "*" && b.left.kind === "number")
    return times(times(a, b.left), b.right);
  if (a.kind === "number" && b.kind === "binary" && b.operator === "/")
    return over(times(a, b.left), b.right);
  return binary("*", a, b);
}
function over(a, b) {
  if (isZero(a)) return ZERO;
  return isNumber2(b, 1) ? a : binary("/", a, b);
}
function power(base, exponent) {
  if (isNumber2(exponent, 0)) return ONE;
  return isNumber2(exponent, 1) ? base : binary("^", base, exponent);
}
var RANK = { "+": 1, "-": 1, "*": 2, "/": 2, "\xB7": 2, "^": 4 };
var rankOf2 = (e) => {
  if (isBelowZero(e)) return 1;
  return e.kind === "binary" ? RANK[e.operator] : 5;
};
function expressionText(e) {
  switch (e.kind) {
    case "number":
      return String(e.value);
    case "name":
      return e.name;
    case "negative":
      return `-${inside(e.of, 2)}`;
    case "call":
      return `${e.name}(${expressionText(e.of)})`;
    case "binary": {
      const { operator, left, right } = e;
      const rank = RANK[operator];
      const [before, after] = [inside(left, operator === "^" ? 5 : rank), inside(right, rank + 1)];
      const joined = operator === "*" && left.kind === "number" && !/^[\d.]/.test(after);
      const opens = operator !== "^" && isBelowZero(left);
      return `${opens ? expressionText(left) : before}${joined ? "" : operator}${after}`;
    }
  }
}
function inside(e, rank) {
  const text = expressionText(e);
  return rankOf2(e) < rank ? `(${text})` : text;
}

// src/posttrain/tasks/derivatives.ts
var STREAM6 = 1684370025;
var NAMES2 = { scalars: ["x"] };
var TERMS = 2;
var LARGEST = 5;
var x = { kind: "name", name: "x", vector: false };
var SHAPES = [
  (n) => power(x, number(n)),
  (n) => call("exp", times(number(n), x)),
  (n) => call("sin", times(number(n), x)),
  (n) => call("cos", times(number(n), x)),
  () => call("ln", x)
];
var derivatives = {
  name: "derivatives",
  about: `derivatives of sums of ${TERMS} terms, in any algebraic form; longer ones have ${TERMS + 1}`,
  tokens: "characters",
  draw({ seed, train, heldOut }) {
    const random = randomStream(seed, STREAM6);
    const sums = (count2, terms, without = []) => differentTasks("derivatives", count2, () => derivativeOf(drawSum(random, terms)), without);
    const tests = sums(heldOut, TERMS);
    return {
      heldOut: tests,
      train: sums(train, TERMS, tests),
      longer: sums(heldOut, TERMS + 1)
    };
  },
  right: isDerivative,
  vote(text, { names }) {
    const answer = expressionIn(text, names);
    const value = answer && valueAt2(answer, { x: [0.7] })[0];
    return value !== null && Number.isFinite(value) ? value.toPrecision(9) : null;
  }
};
function drawSum(random, terms) {
  const term = () => {
    const shape = SHAPES[random.integer(SHAPES.length)];
    return times(number(1 + random.integer(LARGEST)), shape(1 + random.integer(LARGEST)));
  };
  let sum2 = term();
  for (let i = 1; i < terms; i++) sum2 = binary("+", sum2, term());
  return sum2;
}
function derivativeOf(of) {
  const slope = derivative(of, "x");
  const answer = expressionText(slope);
  const prompt = `(${expressionText(of)})'=`;
  return { prompt, answer, solution: answer, of, derivative: slope, names: NAMES2 };
}

// src/text/word_problems.ts
init_errors();
var PEOPLE = { Mia: "she", Anna: "she", Tom: "he", Ben: "he" };
var THINGS = ["apples", "books", "cards", "coins"];
var GAINS = ["bought", "found", "won"];
var LOSSES3 = ["lost", "sold", "used"];
var STREAM7 = 2003792484;
function wordProblems(options) {
  const { seed, set = 0, count: count2, minSteps, maxSteps, largest = 10, without } = options;
  if (!(minSteps >= 1 && maxSteps >= minSteps) || largest < 10) {
    throw new ConfigError(
      `wordProblems: ${minSteps} to ${maxSteps} steps and numbers up to ${largest}; expected at least 1 step, and numbers up to 10 or more`
    );
  }
  const random = randomStream(seed, STREAM7, { step: set });
  const problems = /* @__PURE__ */ new Map();
  for (let tries = 0; problems.size < count2; tries++) {
    if (tries > 10 * count2 + 100) {
      throw new ConfigError(
        `wordProblems: there are no ${count2} different ones of ${minSteps} to ${maxSteps} steps; ask for fewer`
      );
    }
    const steps = minSteps + problems.size % (maxSteps - minSteps + 1);
    const problem = drawProblem(random, steps, largest);
    if (!without?.has(problem.question)) problems.set(problem.question, problem);
  }
  return [...problems.values()];
}
function drawProblem(random, steps, largest) {
  const pick = (list2) => list2[random.integer(list2.length)];
  const [name, pronoun] = pick(Object.entries(PEOPLE));
  const thing = pick(THINGS);
  let total = 1 + random.integer(largest);
  const told = [`${name} had ${total} ${thing}`];
  const computed = [];
  for (let step = 0; step < steps; step++) {
    const gains = total === 0 || total < largest && random.integer(2) === 0;
    const amount = 1 + random.integer(Math.min(9, gains ? largest - total : total));
    const next = gains ? total + amount : total - amount;
    told.push(`${pick(gains ? GAINS : LOSSES3)} ${amount}`);
    computed.push(`${total} ${gains ? "+" : "-"} ${amount} = ${next}.`);
    total = next;
  }
  const question = `${told.join(", ")}. How many ${thing} does ${pronoun} have now?`;
  return { question, rationale: computed.join(" "), answer: total, steps };
}

// src/posttrain/tasks/words.ts
var MOST_STEPS = 3;
function wordFamily(name, about, asked) {
  const task = (problem) => ({
    ...asked(problem),
    answer: String(problem.answer),
    problem
  });
  return {
    name,
    about,
    tokens: "words",
    draw({ seed, train, heldOut }) {
      const common = { seed, minSteps: 1, maxSteps: MOST_STEPS };
      const tests = wordProblems({ ...common, count: heldOut });
      const without = new Set(tests.map(({ question }) => question));
      const longer = { ...common, set: 2, minSteps: MOST_STEPS + 1, maxSteps: MOST_STEPS + 1 };
      return {
        train: wordProblems({ ...common, set: 1, count: train, without }).map(task),
        heldOut: tests.map(task),
        longer: wordProblems({ ...longer, count: heldOut }).map(task)
      };
    },
    right: (text, { problem }) => isNumber(text, problem.answer),
    vote: (text) => extractAnswer(text)?.value.toString() ?? null
  };
}
var words = wordFamily(
  "words",
  `word problems of 1 to ${MOST_STEPS} steps, answered at once; longer ones have ${MOST_STEPS + 1}`,
  ({ question, answer }) => ({
    prompt: zeroShot(question),
    solution: ` ${answerSentence(answer)}`
  })
);
var wordsInSteps = wordFamily(
  "words-in-steps",
  `the same, answered after the steps`,
  (problem) => ({
    prompt: zeroShotChain(problem.question),
    solution: ` ${reasonedAnswer(problem)}`
  })
);

// src/posttrain/tasks/index.ts
var TASK_FAMILIES = Object.fromEntries(
  [arithmetic2, derivatives, words, wordsInSteps, bugs].map((family) => [family.name, family])
);
function taskFamily(name) {
  if (Object.hasOwn(TASK_FAMILIES, name)) return TASK_FAMILIES[name];
  throw new ConfigError(`no tasks "${name}"; there are ${Object.keys(TASK_FAMILIES).join(", ")}`);
}

// src/posttrain/tasks/rollout_tasks.ts
var STREAM8 = 1634954099;
var rolloutTasks = (tasks, { seed, prompts, groupSize }) => (rollout) => {
  const random = randomStream(seed, STREAM8, { step: rollout });
  const chosen = Array.from({ length: prompts }, () => tasks[random.integer(tasks.length)]);
  return chosen.flatMap((task) => Array(groupSize).fill(task));
};

// src/posttrain/verifiable_report.ts
function verifiableCurves({ results }) {
  const first = results[0].points[0];
  const most = Math.max(...Object.keys(first.pass).map(Number));
  const shares = [
    ...Object.keys(first.pass).map((k) => ({
      label: `pass@${k}`,
      of: ({ pass }) => pass[Number(k)].mean
    })),
    { label: `majority of ${most}`, of: ({ majority: majority2 }) => majority2.mean }
  ];
  const curves = (pointsOf) => shares.map(({ label, of }) => {
    const seeds = results.map((result2) => pointsOf(result2).map(of));
    const iterations = pointsOf(results[0]).map(({ iteration }) => iteration);
    const means = iterations.map((_, i) => meanInterval(seeds.map((values) => values[i])));
    return { label, iterations, seeds, means };
  });
  return { heldOut: curves(({ points: points2 }) => points2), longer: curves(({ longer }) => longer) };
}
function shown({ mean: mean2, margin }) {
  const interval = Number.isFinite(margin) ? ` \xB1 ${(100 * margin).toFixed(1)}` : "";
  return `${(100 * mean2).toFixed(1)}${interval} %`;
}
function verifiableReport(experiment, { task, seeds, attempts, heldOut, slips, warmSteps, prompts, groupSize }) {
  const { results } = experiment;
  const curves = verifiableCurves(experiment);
  const [one] = curves.heldOut;
  const series = curves.heldOut.flatMap(({ label, iterations, seeds: rows2, means }, i) => [
    ...i === 0 ? rows2.map((y, s) => ({ label: `${label}, seed ${seeds[s]}`, x: iterations, y, faint: true })) : [],
    { label, x: iterations, y: means.map(({ mean: mean2 }) => mean2) }
  ]);
  return {
    title: "A model learns from answers that a program checks",
    subtitle: `${task}: ${results[0].parameters.toLocaleString("en")} parameters, warmed up for ${warmSteps.toLocaleString("en")} steps on solutions of which ${(100 * slips).toFixed(0)} % have a slip, then GRPO with ${prompts} prompts of ${groupSize} answers each`,
    summary: [
      ["pass@1 before", shown(one.means[0])],
      ["pass@1 after", shown(one.means.at(-1))],
      ["majority after", shown(curves.heldOut.at(-1).means.at(-1))],
      ["seeds", seeds.join(", ")]
    ],
    plots: [
      {
        title: `${heldOut} held-out tasks, ${attempts} answers to each`,
        xLabel: "rollouts learned from",
        yLabel: "share of tasks solved",
        series,
        fromZero: true
      }
    ],
    tables: [
      {
        title: "Longer tasks than any of training",
        columns: ["", "before", "after"],
        rows: curves.longer.map(({ label, means }) => [label, ...means.map(shown)])
      }
    ],
    samples: results.filter(({ seed }) => seed === seeds[0]).flatMap(({ samples }) => samples).map(({ prompt, before, after }) => ({
      title: prompt,
      text: `before: ${before}
after:  ${after}`
    }))
  };
}

// src/posttrain/verifiable_experiment.ts
var VERIFIABLE_DEFAULTS = {
  /** One of the families of tasks. */
  task: "arithmetic",
  layers: 2,
  heads: 4,
  width: 32,
  /** Solved tasks, and steps on them. */
  solvedTasks: 4e3,
  /** The share of the solved tasks whose solution has a slip: what is learned from is not all right, as what people write. */
  slips: 0.6,
  warmSteps: 900,
  warmBatch: 32,
  warmLearningRate: 3e-3,
  /** Tasks to try; none of them is solved. */
  tasks: 3e3,
  iterations: 60,
  prompts: 32,
  groupSize: 8,
  learningRate: 5e-4,
  beta: 0,
  /** What an answer of the right form is worth; a right one is worth 1 more. */
  formWeight: 0.1,
  evaluateEvery: 10,
  /** Held-out tasks of each kind, and answers to each. */
  heldOut: 100,
  attempts: 16,
  seeds: [1, 2, 3]
};
var VERIFIABLE_CHECKS = {
  task: oneOf(...Object.keys(TASK_FAMILIES)),
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  solvedTasks: positiveInteger,
  slips: between(0, 1),
  warmSteps: positiveInteger,
  warmBatch: positiveInteger,
  warmLearningRate: positive,
  tasks: positiveInteger,
  iterations: positiveInteger,
  prompts: positiveInteger,
  groupSize: positiveInteger,
  learningRate: positive,
  evaluateEvery: positiveInteger,
  heldOut: positiveInteger,
  attempts: positiveInteger
};
var verifiableExperiment = {
  defaults: VERIFIABLE_DEFAULTS,
  checks: VERIFIABLE_CHECKS,
  count: ({ seeds }) => 2 * seeds.length,
  run: run3,
  report: verifiableReport
};
var SHOWN2 = 5;
var SLIP_SIGNS = "0123456789+-";
var TEMPLATE2 = "lines";
var SLIP_STREAM = 1936484720;
async function run3(device2, settings2, cells) {
  const results = [];
  for (const seed of settings2.seeds) {
    const world = worldOf(settings2, seed);
    const warm = await cells.weights(`seed-${seed}-warm`, async () => {
      const module = modelOf(device2, settings2, world, seed);
      const { warmSteps: steps, warmBatch: batch, warmLearningRate: learningRate } = settings2;
      const how = { seed, steps, batch, learningRate, signal: cells.signal };
      const problems = withSlips(world.solved.map(solved), settings2.slips, seed);
      await learnProblems(device2, module, world.tokenizer, problems, how);
      return { module, about: { parameters: module.parameterCount } };
    });
    const result2 = await cells.cell(
      `seed-${seed}`,
      async () => {
        const model = modelOf(device2, settings2, world, seed);
        model.load(warm.tensors);
        const learned = await tryTasks(device2, settings2, world, {
          model,
          seed,
          signal: cells.signal
        });
        model.dispose();
        return { seed, parameters: warm.about.parameters, ...learned };
      },
      ({ points: points2 }) => `pass@1 ${percent(points2[0])} before, ${percent(points2.at(-1))} after`
    );
    results.push(result2);
  }
  return { results };
}
function withSlips(problems, share, seed) {
  const random = randomStream(seed, SLIP_STREAM);
  return problems.map(({ prompt, completion }) => ({
    prompt,
    completion: random.uniform() < share ? withSlip(completion, random) : completion
  }));
}
var percent = ({ pass }) => `${(100 * pass[1].mean).toFixed(1)} %`;
function worldOf({ task, solvedTasks, tasks, heldOut }, seed) {
  const family = taskFamily(task);
  const sets = family.draw({ seed, train: solvedTasks + tasks, heldOut });
  const all = [sets.train, sets.heldOut, sets.longer].flat();
  const text = textOf(all.map(solved)) + SLIP_SIGNS;
  const tokenizer = family.tokens === "words" ? trainWords(text, 1e3) : characterTokenizer(text);
  const longest2 = (of) => all.reduce((most, each) => Math.max(most, tokenizer.encode(of(each)).length), 0);
  return {
    family,
    sets,
    solved: sets.train.slice(0, solvedTasks),
    toTry: sets.train.slice(solvedTasks),
    tokenizer,
    promptTokens: longest2(({ prompt }) => prompt),
    answerTokens: longest2(({ solution }) => solution) + 1
  };
}
function modelOf(device2, settings2, world, seed) {
  const { layers, heads, width } = settings2;
  const context = world.promptTokens + world.answerTokens - 1;
  return makeSolver(device2, world.tokenizer, { layers, heads, width, context }, seed);
}
async function tryTasks(device2, settings2, { family, sets, toTry, tokenizer, promptTokens, answerTokens }, { model, seed, signal }) {
  const {
    iterations,
    prompts,
    groupSize,
    learningRate,
    beta,
    formWeight,
    evaluateEvery,
    attempts
  } = settings2;
  const speaker = { model, adapter: null };
  const ends = [...tokenizer.encode(endMark(TEMPLATE2))];
  const drawing = { ends, maxNewTokens: answerTokens, temperature: 1 };
  const form = rewardOf(
    "form",
    ({ text, finished, task }) => Number(finished && family.vote(text, task) !== null),
    { weight: formWeight }
  );
  const problem = {
    ...{ codec: tokenizer, policy: speaker, reference: null, promptTokens, ends },
    rewards: [familyReward(family), form],
    tasks: rolloutTasks(toTry, { seed, prompts, groupSize })
  };
  const { learner } = grpo(device2, problem, {
    ...GRPO_DEFAULTS,
    ...{ seed, answers: prompts * groupSize, groupSize, learningRate, beta },
    ...{ maxNewTokens: answerTokens, loss: "dr_grpo", scale: "none" }
  });
  const ks = [.../* @__PURE__ */ new Set([1, Math.min(4, attempts), attempts])];
  const drawn = { ...drawing, attempts, signal };
  const measure = async (tasks, iteration) => {
    const judged = await attemptTasks(device2, speaker, tokenizer, family, tasks, drawn);
    return { iteration, ...passRates(judged, ks) };
  };
  const shownTasks = sets.heldOut.slice(0, SHOWN2);
  const write = async () => {
    const answers = await drawInParts(device2, speaker, tokenizer, shownTasks, drawing);
    return answers.map(({ text }) => text);
  };
  const before = await write();
  const points2 = [await measure(sets.heldOut, 0)];
  const longer = [await measure(sets.longer, 0)];
  for (let i = 1; i <= iterations; i++) {
    signal.throwIfAborted();
    await learner.iterate(i - 1, iterations);
    if (i % evaluateEvery === 0 || i === iterations) points2.push(await measure(sets.heldOut, i));
  }
  longer.push(await measure(sets.longer, iterations));
  const after = await write();
  learner.dispose();
  const samples = shownTasks.map(({ prompt }, i) => {
    return { prompt, before: before[i], after: after[i] };
  });
  return { points: points2, longer, samples };
}

// ../../verify/tune.ts
var settings = JSON.parse(process.argv[2] ?? "{}");
var device = await Device.open({ announce: null });
console.log(device.adapter.name);
var start = performance.now();
var t = () => ((performance.now() - start) / 1e3).toFixed(1);
var { result } = await runExperiment(device, verifiableExperiment, { settings, onProgress: ({ name, line }) => console.log(t(), name, line) });
for (const { points: points2, longer, parameters } of result.results) {
  console.log(parameters);
  for (const [n, list2] of [["held", points2], ["longer", longer]]) for (const { iteration, pass, majority: majority2 } of list2) console.log(n, iteration, Object.entries(pass).map(([k, v]) => `${k}: ${v.mean.toFixed(3)}`).join(" "), "maj", majority2.mean.toFixed(3));
}
console.log(t());
device.destroy();
