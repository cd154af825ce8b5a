// Files that are imported as their text.

declare module '*.wgsl' {
  const source: string;
  export default source;
}

declare module 'uplot/dist/uPlot.iife.min.js' {
  const source: string;
  export default source;
}

declare module '*.css' {
  const source: string;
  export default source;
}

declare module '*.py' {
  const source: string;
  export default source;
}
