//! Streams open whole and in order, or end with the right finding; nothing is released that did not authenticate.

use serde_json::Value;
use strongroom_crypto::SealingKey;
use strongroom_envelope::stream::{
    FRAME, FrameError, HEADER, Opener, SEALED_FRAME, Sealer, StreamHeader, StreamRefusal, TAG,
};
use strongroom_envelope::value::{Context, Place, Purpose};
use strongroom_envelope::{Id, SealedDataKey};
use strongroom_secret::{DataKey, SecretBytes};

use crate::vector::{self, Vector, check_all, named};

/// The plaintext of every stream that tests exchange.
pub fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Seals a plaintext as its division into frames demands.
pub fn seal(data_key: &DataKey, sealed_data_key: &SealedDataKey, plaintext: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer::new(data_key, sealed_data_key);
    let mut stream = sealer.header().to_vec();
    assert_eq!(stream.len(), HEADER);
    let mut rest = plaintext;
    while rest.len() > FRAME {
        let mut frame = [0; SEALED_FRAME];
        frame[..FRAME].copy_from_slice(&rest[..FRAME]);
        sealer.seal_next(&mut frame).unwrap();
        stream.extend_from_slice(&frame);
        rest = &rest[FRAME..];
    }
    let mut last = [rest, &[0; TAG]].concat();
    sealer.seal_last(&mut last);
    stream.extend_from_slice(&last);
    stream
}

/// Opens the frames behind a header. On a refusal, also answers what was released before it.
pub fn open(mut opener: Opener, mut frames: &[u8]) -> Result<Vec<u8>, (FrameError, Vec<u8>)> {
    let (mut whole, mut out) = (Vec::new(), SecretBytes::new());
    while frames.len() > SEALED_FRAME {
        let (frame, rest) = frames.split_first_chunk::<SEALED_FRAME>().unwrap();
        if let Err(error) = opener.open_next(frame, &mut out) {
            assert!(out.is_empty());
            assert_eq!(opener.open_next(frame, &mut out), Err(FrameError::Ended), "it opens nothing more");
            assert_eq!(opener.open_last(frame, &mut out), Err(FrameError::Ended), "it opens nothing more");
            return Err((error, whole));
        }
        whole.extend_from_slice(out.expose());
        frames = rest;
    }
    match opener.open_last(frames, &mut out) {
        Ok(()) => {
            whole.extend_from_slice(out.expose());
            Ok(whole)
        }
        Err(error) => {
            assert!(out.is_empty());
            Err((error, whole))
        }
    }
}

#[test]
fn vectors() {
    check_all("stream", 40, |vector| match outcome(vector) {
        Ok(()) => "ok".into(),
        Err(class) => class.into(),
    });
}

fn outcome(vector: &Vector) -> Result<(), &'static str> {
    let base =
        if vector.has("of") { named(&format!("stream/{}", vector.text("of"))) } else { Vector(vector.0.clone()) };
    let mut stream = base.bytes("stream");
    if vector.has("edits") {
        vector.list("edits").iter().for_each(|edit| stream = edited(&stream, edit.0.as_array().unwrap()));
    }
    let changed = |name: &str| if vector.has(name) { vector.bytes(name) } else { base.bytes(name) };
    let whole = plaintext(base.u32("length") as usize);

    let header = StreamHeader::parse(&stream[..stream.len().min(HEADER)]).map_err(refused)?;
    let context = Context::from_bytes(&changed("place")).unwrap();
    let master = SealingKey::new(&changed("key").try_into().unwrap());
    let data_key = header.data_key().open(&master, &Place::Context(&context)).map_err(|_| "unauthentic_data_key")?;
    assert_eq!(data_key.expose(), &base.array::<32>("data_key"));
    let opened = open(Opener::new(&data_key, &header), &stream[HEADER..]);
    opened
        .map(|opened| assert_eq!(opened, whole))
        .inspect_err(|(_, released)| assert!(whole.starts_with(released)))
        .map_err(|(error, _)| match error {
            FrameError::Cut => "cut",
            FrameError::Followed => "followed",
            FrameError::Unauthentic => "unauthentic",
            FrameError::Ended => "ended",
        })
}

fn refused(refusal: StreamRefusal) -> &'static str {
    match refusal {
        StreamRefusal::Magic => "magic",
        StreamRefusal::Length { .. } => "length",
        StreamRefusal::Format { .. } => "format",
        StreamRefusal::Purpose { .. } => "purpose",
        StreamRefusal::Suite { .. } => "suite",
        StreamRefusal::FrameSize { .. } => "frame_size",
        StreamRefusal::DataKey(_) => "data_key",
    }
}

/// One edit of a vector.
fn edited(stream: &[u8], edit: &[Value]) -> Vec<u8> {
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let mut stream = stream.to_vec();
    match edit[0].as_str().unwrap() {
        "keep" => stream.truncate(number(&edit[1])),
        "append" => stream.extend_from_slice(&vector::bytes(&edit[1])),
        "flip" => stream[number(&edit[1])] ^= 1,
        "put" => {
            let (at, bytes) = (number(&edit[1]), vector::bytes(&edit[2]));
            stream[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        "frames" => {
            let (header, frames) = stream.split_at(HEADER);
            let frames: Vec<&[u8]> = frames.chunks(SEALED_FRAME).collect();
            let order = edit[1].as_array().unwrap().iter().map(|at| frames[number(at)]);
            stream = [header].into_iter().chain(order).collect::<Vec<_>>().concat();
        }
        other => panic!("no edit {other}"),
    }
    stream
}

/// A data key, and the same sealed with an empty context.
fn fixed() -> (DataKey, SealedDataKey) {
    let data_key = DataKey::fill_with(|bytes| bytes.fill(0x42));
    let context = Context::empty();
    let place = Place::Context(&context);
    let sealed = SealedDataKey::seal(&SealingKey::new(&[7; 32]), Purpose::Values, Id([9; 16]), 5, &place, &data_key);
    (data_key, sealed)
}

fn opened(stream: &[u8]) -> Result<Vec<u8>, (FrameError, Vec<u8>)> {
    let header = StreamHeader::parse(&stream[..HEADER]).unwrap();
    assert_eq!(header.data_key().header().key_version, 5);
    open(Opener::new(&fixed().0, &header), &stream[HEADER..])
}

#[test]
fn every_length_around_the_borders_opens() {
    let (data_key, sealed) = fixed();
    for frames in 0..4 {
        for length in (frames * FRAME).saturating_sub(2)..=frames * FRAME + 2 {
            let stream = seal(&data_key, &sealed, &plaintext(length));
            // One frame more than whole ones fit before the last byte.
            assert_eq!(stream.len(), HEADER + length + length.max(1).div_ceil(FRAME) * TAG, "{length}");
            assert_eq!(opened(&stream).unwrap(), plaintext(length), "{length}");
        }
    }
}

#[test]
fn two_streams_of_one_data_key_have_nothing_in_common() {
    let (data_key, sealed) = fixed();
    let [one, other] = [(); 2].map(|()| seal(&data_key, &sealed, &plaintext(100)));
    assert_eq!(one[..140], other[..140]);
    assert_ne!(one[140..HEADER], other[140..HEADER]);
    assert_ne!(one[HEADER..], other[HEADER..]);
    let mixed = [&one[..HEADER], &other[HEADER..]].concat();
    assert_eq!(opened(&mixed), Err((FrameError::Unauthentic, Vec::new())));
}

#[test]
fn cut_anywhere_it_is_noticed() {
    let (data_key, sealed) = fixed();
    let whole = plaintext(3 * FRAME + 10);
    let stream = seal(&data_key, &sealed, &whole);
    for cut in HEADER..stream.len() {
        // Each place in the last frame and around the borders, some of those between.
        let into = (cut - HEADER) % SEALED_FRAME;
        if into > 20 && into < SEALED_FRAME - 20 && !cut.is_multiple_of(4099) {
            continue;
        }
        let (error, released) = opened(&stream[..cut]).unwrap_err();
        assert!(whole.starts_with(&released) && released.len().is_multiple_of(FRAME), "{cut}");
        assert_eq!(error, if into == 0 { FrameError::Cut } else { FrameError::Unauthentic }, "{cut}");
    }
}

#[test]
fn every_byte_of_header_and_frames_matters() {
    let (data_key, sealed) = fixed();
    let whole = plaintext(FRAME + 5);
    let stream = seal(&data_key, &sealed, &whole);
    let around = |at: usize| at.saturating_sub(3)..(at + 3).min(stream.len());
    let second = HEADER + SEALED_FRAME;
    let frames = (HEADER..HEADER + 40).chain(around(second - TAG)).chain(second - TAG..stream.len());
    for at in frames {
        let mut changed = stream.clone();
        changed[at] ^= 0x10;
        let (error, released) = opened(&changed).unwrap_err();
        assert_eq!(error, FrameError::Unauthentic, "byte {at}");
        assert_eq!(released.len(), if at < second { 0 } else { FRAME }, "byte {at}");
    }
    for at in 0..HEADER {
        let mut changed = stream.clone();
        changed[at] ^= 0x10;
        let Ok(header) = StreamHeader::parse(&changed[..HEADER]) else { continue };
        // Even with the right data key, however it was come by.
        let opened = open(Opener::new(&data_key, &header), &changed[HEADER..]);
        assert_eq!(opened, Err((FrameError::Unauthentic, Vec::new())), "byte {at}");
    }
}

#[test]
fn frames_have_their_place() {
    let (data_key, sealed) = fixed();
    let stream = seal(&data_key, &sealed, &plaintext(4 * FRAME));
    let (header, frames) = stream.split_at(HEADER);
    let frames: Vec<&[u8]> = frames.chunks(SEALED_FRAME).collect();
    let mut checked = 0;
    for order in orders(frames.len()) {
        let arranged: Vec<&[u8]> = order.iter().map(|at| frames[*at]).collect();
        let opened = opened(&[header, &arranged.concat()].concat());
        if order == [0, 1, 2, 3] {
            assert_eq!(opened.unwrap(), plaintext(4 * FRAME));
        } else {
            let (error, released) = opened.unwrap_err();
            let good = order.iter().enumerate().take_while(|(at, frame)| at == *frame).count();
            let cut = order.len() == good;
            let followed = good == 4;
            let expected = if followed {
                FrameError::Followed
            } else if cut {
                FrameError::Cut
            } else {
                FrameError::Unauthentic
            };
            assert_eq!(error, expected, "{order:?}");
            // The last frame of the order is not released unless it is the last of the stream.
            let most = good.min(order.len() - 1).min(3);
            assert_eq!(released, plaintext(most * FRAME), "{order:?}");
        }
        checked += 1;
    }
    assert_eq!(checked, 4 + 16 + 64 + 256 + 4);
}

/// Every sequence of one to `frames` frames, and the whole with one more at its end.
fn orders(frames: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..frames {
        let longer: Vec<Vec<usize>> = all[from..]
            .iter()
            .flat_map(|order| (0..frames).map(move |next| order.iter().copied().chain([next]).collect()))
            .collect();
        from = all.len();
        all.extend(longer);
    }
    all.remove(0);
    all.extend((0..frames).map(|more| (0..frames).chain([more]).collect()));
    all
}

#[test]
#[should_panic(expected = "purpose values")]
fn streams_have_data_keys_of_purpose_values() {
    let data_key = DataKey::fill_with(|bytes| bytes.fill(0x42));
    let context = Context::empty();
    let sealed = SealedDataKey::seal(
        &SealingKey::new(&[7; 32]),
        Purpose::Settings,
        Id([9; 16]),
        5,
        &Place::Context(&context),
        &data_key,
    );
    let _ = Sealer::new(&data_key, &sealed);
}
