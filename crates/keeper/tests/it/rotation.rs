//! A key's rotation seals again what is stored: beside all other work, over crashes and failing disks, and it proves its end
//! (B31, B32, B33).

mod aside;
mod concurrent;
mod crash;
mod failing;
mod going_on;
pub mod scene;
mod trail_volume;
