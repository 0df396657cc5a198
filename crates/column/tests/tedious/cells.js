// Seals and opens cells with tedious: a line `KEY MODE seal|open HEX` on standard input, a line of hex or `refused` for each.
// KEY and HEX are hexadecimal digits, MODE is 1 (deterministic) or 2 (randomized).
'use strict';

const path = require('path');
const readline = require('readline');

const at = (file) => require(path.join(process.argv[2], 'node_modules/tedious/lib/always-encrypted', file));
const { AeadAes256CbcHmac256EncryptionKey } = at('aead-aes-256-cbc-hmac-encryption-key.js');
const { AeadAes256CbcHmac256Algorithm, algorithmName } = at('aead-aes-256-cbc-hmac-algorithm.js');

const algorithms = new Map();

function algorithm(key, mode) {
  const name = `${key} ${mode}`;
  if (!algorithms.has(name)) {
    const derived = new AeadAes256CbcHmac256EncryptionKey(Buffer.from(key, 'hex'), algorithmName);
    algorithms.set(name, new AeadAes256CbcHmac256Algorithm(derived, Number(mode)));
  }
  return algorithms.get(name);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [key, mode, what, hex] = line.split(' ');
  const data = Buffer.from(hex || '', 'hex');
  let answer = 'refused';
  try {
    const cipher = algorithm(key, mode);
    answer = (what === 'seal' ? cipher.encryptData(data) : cipher.decryptData(data)).toString('hex');
  } catch (error) {
    // A cell that does not open; the line says so.
  }
  process.stdout.write(answer + '\n');
});
