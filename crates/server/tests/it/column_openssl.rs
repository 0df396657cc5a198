//! Envelopes, exchanged with OpenSSL: with the same RSA key it opens ours, and we open what it makes; it verifies our signatures
//! of metadata and of a manifest.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::Code;
use strongroom_api::key::{ImportRequest, Purpose, RotateReply, WrappingRequest};
use strongroom_client::{Client, ClientError, ColumnKeyAlgorithm, ColumnKeys, wrap_key};
use strongroom_secret::SecretBytes;

use crate::key::create;
use crate::site::Site;

/// OpenSSL in a folder of its own.
struct Openssl {
    folder: tempfile::TempDir,
}

impl Openssl {
    /// `None` where the program is missing.
    fn new(test: &str) -> Option<Self> {
        if !Command::new("openssl").arg("version").output().is_ok_and(|run| run.status.success()) {
            println!("not run: {test}: the program openssl is missing");
            return None;
        }
        Some(Self { folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, words: &str) {
        let run = Command::new("openssl").args(words.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(run.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&run.stderr));
    }

    fn fails(&self, words: &str) {
        let run = Command::new("openssl").args(words.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(!run.status.success(), "openssl {words}");
    }

    /// A private key as PKCS#8 in DER, in the file `NAME.der`.
    fn key(&self, name: &str, bits: u32) -> SecretBytes {
        self.made(name, &format!("RSA -pkeyopt rsa_keygen_bits:{bits}"))
    }

    fn made(&self, name: &str, what: &str) -> SecretBytes {
        self.run(&format!("genpkey -quiet -algorithm {what} -out {name}.pem"));
        self.run(&format!("pkcs8 -topk8 -nocrypt -in {name}.pem -outform DER -out {name}.der"));
        SecretBytes::from_vec(self.read(&format!("{name}.der")))
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// As Microsoft's programs make it: version, lengths, path in UTF-16LE, OAEP with SHA-1, signature with SHA-256 over all.
    fn envelope(&self, key: &str, path: &str, column_key: &[u8]) -> Vec<u8> {
        self.write("clear", column_key);
        self.run(&format!(
            "pkeyutl -encrypt -inkey {key}.der -keyform DER -in clear -out wrapped -pkeyopt rsa_padding_mode:oaep \
             -pkeyopt rsa_oaep_md:sha1 -pkeyopt rsa_mgf1_md:sha1"
        ));
        let wrapped = self.read("wrapped");
        let path: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
        let signed = [&[1][..], &length(&path), &length(&wrapped), &path, &wrapped].concat();
        [signed.clone(), self.sign(key, &signed)].concat()
    }

    fn sign(&self, key: &str, message: &[u8]) -> Vec<u8> {
        self.write("message", message);
        self.run(&format!("dgst -sha256 -sign {key}.der -keyform DER -out signature message"));
        self.read("signature")
    }
}

async fn bring(client: &Client, name: &str, key: &SecretBytes) -> Result<RotateReply, ClientError> {
    let wrapping = client.call(&WrappingRequest {}).await?;
    let wrapped = wrap_key(&STANDARD.decode(&wrapping.public_key_base64).unwrap(), key).unwrap();
    let request = ImportRequest {
        name: name.to_owned(),
        purpose: Some(Purpose::Columns),
        algorithm: None,
        wrapping_key: wrapping.wrapping_key,
        wrapped_base64: STANDARD.encode(wrapped),
        no_reencrypt: false,
    };
    client.call(&request).await
}

#[tokio::test]
async fn envelopes_of_a_key_that_was_brought() {
    let Some(openssl) = Openssl::new("envelopes_of_a_key_that_was_brought") else { return };
    let site = Site::new().await;
    let client = site.local().await;
    let keys = ColumnKeys::new(site.local().await);
    for bits in [2048, 3072] {
        let (name, bytes) = (format!("Brought/{bits}"), openssl.key(&bits.to_string(), bits));
        let view = bring(&client, &name, &bytes).await.unwrap().key;
        assert!(view.versions[0].imported && view.algorithm.as_deref() == Some("rsa-3072-oaep"));
        openssl.run(&format!("pkey -in {bits}.der -inform DER -pubout -outform DER -out {bits}.public"));
        assert_eq!(keys.public_key(&name).await.unwrap(), openssl.read(&format!("{bits}.public")));
        ours(&openssl, &keys, &name, bits).await;
        theirs(&openssl, &keys, &name, bits).await;
    }
    site.stop().await;
}

/// What we make, it verifies and opens.
async fn ours(openssl: &Openssl, keys: &ColumnKeys, name: &str, bits: u32) {
    let made = keys.make(name).await.unwrap();
    let modulus = usize::try_from(bits / 8).unwrap();
    let path: Vec<u8> = format!("{name}#1").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(made.envelope.len(), 5 + path.len() + 2 * modulus);
    let (signed, signature) = made.envelope.split_at(made.envelope.len() - modulus);
    let lengths = [path.len(), modulus].map(|length| u16::try_from(length).unwrap().to_le_bytes());
    assert_eq!(signed[..5], [&[1][..], lengths.as_flattened()].concat());
    assert_eq!(signed[5..5 + path.len()], path);
    openssl.write("signed", signed);
    openssl.write("signature", signature);
    openssl.run(&format!("dgst -sha256 -verify {bits}.public -keyform DER -signature signature signed"));
    openssl.write("wrapped", &signed[5 + path.len()..]);
    openssl.run(&format!(
        "pkeyutl -decrypt -inkey {bits}.der -keyform DER -in wrapped -out clear -pkeyopt rsa_padding_mode:oaep \
         -pkeyopt rsa_oaep_md:sha1 -pkeyopt rsa_mgf1_md:sha1"
    ));
    assert_eq!(openssl.read("clear"), made.key.expose());

    // SQL Server's words for the key store, the path and the enclaves, in small letters (reference of Always Encrypted).
    let text = format!("strongroom{}#1true", name.to_lowercase());
    openssl.write("metadata", &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    openssl.write("signature", &keys.sign_metadata(&format!("{name}#1"), true).await.unwrap());
    openssl.run(&format!("dgst -sha256 -verify {bits}.public -keyform DER -signature signature metadata"));
    openssl.write("signature", &keys.sign_metadata(&format!("{name}#1"), false).await.unwrap());
    openssl.fails(&format!("dgst -sha256 -verify {bits}.public -keyform DER -signature signature metadata"));
}

/// What it makes, we open when it is whole, signed, of 32 bytes and for this path; Microsoft's drivers for Java write the path in
/// small letters.
async fn theirs(openssl: &Openssl, keys: &ColumnKeys, name: &str, bits: u32) {
    let column_key: Vec<u8> = (0..32).collect();
    let (key, path) = (bits.to_string(), format!("{name}#1"));
    let open = async |envelope: &[u8]| {
        let opened = keys.unwrap(&path, ColumnKeyAlgorithm::RsaOaep, envelope).await;
        opened.map(|key| key.expose().to_vec()).map_err(|error| error.code().unwrap())
    };
    for written in [path.clone(), path.to_lowercase()] {
        let envelope = openssl.envelope(&key, &written, &column_key);
        assert_eq!(open(&envelope).await, Ok(column_key.clone()), "{written}");
    }
    for written in [format!("{name}#2"), name.to_owned(), path.to_uppercase(), String::new()] {
        let envelope = openssl.envelope(&key, &written, &column_key);
        assert_eq!(open(&envelope).await, Err(Code::DoesNotOpen), "{written}");
    }
    for length in [0, 16, 31, 33] {
        let envelope = openssl.envelope(&key, &path, &vec![7; length]);
        assert_eq!(open(&envelope).await, Err(Code::DoesNotOpen), "{length} bytes are no column encryption key");
    }
    // Rightly wrapped, and signed with another key: whoever has the public key alone can make that.
    let envelope = openssl.envelope(&key, &path, &column_key);
    let modulus = usize::try_from(bits / 8).unwrap();
    let unsigned = &envelope[..envelope.len() - modulus];
    openssl.key("other", bits);
    let forged = [unsigned, &openssl.sign("other", unsigned)].concat();
    assert_eq!(open(&forged).await, Err(Code::DoesNotOpen));
}

#[tokio::test]
async fn keys_that_are_too_short_or_no_rsa_keys_are_refused() {
    let Some(openssl) = Openssl::new("keys_that_are_too_short_or_no_rsa_keys_are_refused") else { return };
    let site = Site::new().await;
    let client = site.local().await;
    let short = openssl.key("short", 1024);
    let refused = bring(&client, "cmk", &short).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::Invalid));
    let other = openssl.made("other", "EC -pkeyopt ec_paramgen_curve:P-256");
    assert_eq!(bring(&client, "cmk", &other).await.unwrap_err().code(), Some(Code::Invalid));
    let symmetric = SecretBytes::from_slice(&[7; 32]);
    assert_eq!(bring(&client, "cmk", &symmetric).await.unwrap_err().code(), Some(Code::Invalid));
    site.stop().await;
}

/// The key that signs manifests: Ed25519, and its public key as everybody reads it.
#[tokio::test]
async fn a_manifest_is_signed() {
    let Some(openssl) = Openssl::new("a_manifest_is_signed") else { return };
    let site = Site::new().await;
    let client = site.local().await;
    let made = create(&client, "columns-manifest", Purpose::Sign).await;
    let keys = ColumnKeys::new(client);
    let signed = keys.sign_manifest("columns-manifest", b"a manifest").await.unwrap();
    assert_eq!((signed.key_id, signed.version, signed.signature.len()), (made.id, 1, 64));
    openssl.write("public", &keys.public_key("columns-manifest").await.unwrap());
    openssl.write("signature", &signed.signature);
    verify(&openssl, b"a manifest", true);
    verify(&openssl, b"a manifest.", false);
    site.stop().await;
}

fn verify(openssl: &Openssl, message: &[u8], is_right: bool) {
    openssl.write("message", message);
    let words = "pkeyutl -verify -pubin -inkey public -keyform DER -rawin -in message -sigfile signature";
    if is_right { openssl.run(words) } else { openssl.fails(words) }
}
