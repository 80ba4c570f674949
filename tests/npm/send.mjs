// tus-js-client sends a file in pieces, is stopped after the first of them, and another one goes on where it stopped.
// node send.mjs ENDPOINT FILE CAMERA NAME [ADDRESS]; with the address of an upload only the other one
import fs from "node:fs";
import * as tus from "tus-js-client";

const [endpoint, file, camera, filename, address] = process.argv.slice(2);
const metadata = { camera, filename };
const chunkSize = 4096;

function begun() {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(fs.readFileSync(file), {
      endpoint, metadata, chunkSize, retryDelays: null, onError: reject,
      onChunkComplete: () => upload.abort().then(() => resolve(upload.url)),
    });
    upload.start();
  });
}

function ended(uploadUrl) {
  return new Promise((resolve, reject) => {
    const sent = [];
    const upload = new tus.Upload(fs.readFileSync(file), {
      uploadUrl, chunkSize, retryDelays: null, onError: reject,
      onProgress: (bytes) => sent.push(bytes),
      onSuccess: () => resolve(sent[0]),
    });
    upload.start();
  });
}

console.log(JSON.stringify({ resumed_at: await ended(address ?? (await begun())) }));
