//! The child process: one question from the socket at standard input, one answer to it, and the end.

use std::io::stdin;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use strongroom_secret::{SecretBytes, harden};

use super::refusal::TokenProblem;
use super::token;
use super::wire::{self, Request};

/// Answers one question about a PKCS#11 token, which the server asks through standard input, a socket. Whether it was
/// answered, if only by a refusal.
#[must_use]
pub fn serve_pkcs11() -> bool {
    // What cannot be had is the server's to report: it has the same limits.
    let _report = harden::process();
    let input = stdin();
    let socket = input.as_fd();
    let Ok(question) = read_all(socket) else { return false };
    let outcome = match Request::read(question.expose()) {
        Ok(request) => token::work(&request),
        Err(_) => Err(TokenProblem::Request),
    };
    write_all(socket, wire::reply_bytes(&outcome).expose()).is_ok()
}

fn read_all(socket: BorrowedFd<'_>) -> Result<SecretBytes, Errno> {
    let mut question = SecretBytes::with_capacity(PIECE);
    while question.len() < LONGEST {
        let before = question.len();
        let room = question.extend_zeroed(PIECE);
        let read = rustix::io::retry_on_intr(|| rustix::io::read(socket, &mut *room));
        question.truncate(before + *read.as_ref().unwrap_or(&0));
        if read? == 0 {
            return Ok(question);
        }
    }
    Err(Errno::MSGSIZE)
}

fn write_all(socket: BorrowedFd<'_>, mut answer: &[u8]) -> Result<(), Errno> {
    while !answer.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(socket, answer))?;
        answer = &answer[written..];
    }
    Ok(())
}

const PIECE: usize = 4096;
const LONGEST: usize = 64 * 1024;
