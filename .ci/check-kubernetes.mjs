// Checks the Kubernetes manifests of docs/deploy/kubernetes without a cluster and without the network: each object is written down
// as TypeScript and checked by the compiler against the types of kubernetes-models, which are made of Kubernetes' own OpenAPI
// document. An unknown field, a missing one and a value of another type are errors.
//
//     node .ci/check-kubernetes.mjs <folder of manifests>

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2]);
const modules = join(import.meta.dirname, "npm", "node_modules"); // make puts them there
const { parseAllDocuments } = createRequire(join(modules, "x.js"))("yaml");
const work = mkdtempSync(join(tmpdir(), "parley-kubernetes-"));

/** typed writes an object as TypeScript; a kustomization is no object of the cluster, and has no type there. */
function typed(object) {
  const literal = JSON.stringify(object, null, 2);
  if (object.kind === "Kustomization") {
    const missing = object.resources.filter((name) => !readdirSync(folder).includes(name));
    const forgotten = readdirSync(folder).filter((name) => name !== "kustomization.yaml" && !object.resources.includes(name));
    if (missing.length > 0 || forgotten.length > 0) {
      throw new Error(`kustomization.yaml names ${missing} that are not there, or leaves out ${forgotten}`);
    }
    return "export {};\n";
  }
  return `import type { I${object.kind} } from "kubernetes-models/${object.apiVersion}";\nexport default ${literal} satisfies I${object.kind};\n`;
}

try {
  symlinkSync(modules, join(work, "node_modules"));
  writeFileSync(join(work, "package.json"), '{"type":"module"}');
  let count = 0;
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
    for (const [at, document] of parseAllDocuments(readFileSync(join(folder, name), "utf8"), { uniqueKeys: true }).entries()) {
      if (document.errors.length > 0) {
        throw new Error(`${name}: ${document.errors[0].message}`);
      }
      writeFileSync(join(work, `${name}.${at}.ts`), typed(document.toJS()));
      count++;
    }
  }
  if (count === 0) {
    throw new Error(`there are no manifests in ${folder}`);
  }
  const files = readdirSync(work).filter((name) => name.endsWith(".ts"));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"];
  execFileSync(process.execPath, [join(modules, "typescript/lib/tsc.js"), ...options, ...files], { cwd: work, stdio: "inherit" });
  console.log(`${count} manifests are what Kubernetes expects`);
} catch (error) {
  console.error(String(error.message ?? error));
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
