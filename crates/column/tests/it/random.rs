//! Random values of every type as text, the same in each run.

/// A generator of numbers that is good enough for tests (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn chance(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub fn pick<'items, T>(&mut self, items: &'items [T]) -> &'items T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// A number of any size: as many bits as come up.
    pub fn sized(&mut self) -> i64 {
        let bits = self.below(64);
        self.next().cast_signed() >> bits
    }

    pub fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    pub fn digits(&mut self, least: u64, most: u64) -> String {
        let length = least + self.below(most - least + 1);
        (0..length).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    /// Text without zero bytes, of letters, blanks and characters of every length in UTF-8.
    pub fn text(&mut self, most: u64) -> String {
        const LETTERS: &[char] =
            &['a', 'Z', '0', ' ', ' ', '\'', '"', '\\', '\n', '\t', 'ß', 'é', '€', '漢', '😀', '\u{7f}', '\u{1}'];
        (0..self.below(most + 1)).map(|_| *self.pick(LETTERS)).collect()
    }

    pub fn date(&mut self) -> String {
        let year = match self.below(6) {
            0 => 1 + self.below(9999),
            1 => *self.pick(&[1, 1582, 1900, 1970, 2000, 9999]),
            _ => 1900 + self.below(200),
        };
        let month = 1 + self.below(12);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let most = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
        format!("{year:04}-{month:02}-{:02}", 1 + self.below(most))
    }

    pub fn time(&mut self) -> String {
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        let whole = format!("{hour:02}:{minute:02}:{second:02}");
        match self.below(4) {
            0 => whole,
            1 => format!("{whole}.{}", self.digits(1, 9)),
            2 => format!("{hour:02}:{minute:02}"),
            _ => format!("{whole}.{}", self.digits(1, 6)),
        }
    }

    pub fn timestamp(&mut self) -> String {
        if self.chance(10) {
            return self.date();
        }
        format!("{}{}{}", self.date(), self.pick(&[" ", "T", "  "]), self.time())
    }

    pub fn timestamptz(&mut self) -> String {
        let date = self.date();
        let sign = *self.pick(&['+', '-']);
        let zone = match self.below(6) {
            0 => String::new(),
            1 => (*self.pick(&["Z", " UTC", " Europe/Berlin", " America/New_York", " Asia/Kolkata"])).to_owned(),
            2 => format!("{sign}{:02}:{:02}", self.below(15), self.below(60)),
            3 => format!("{sign}{:02}{:02}", self.below(15), self.below(60)),
            4 => format!("{sign}{:02}:{:02}:{:02}", self.below(15), self.below(60), self.below(60)),
            _ => format!("{sign}{:02}", self.below(15)),
        };
        format!("{date} {}{zone}", self.time())
    }

    /// A decimal number, with point and exponent or without.
    pub fn decimal(&mut self, most_whole: u64, most_fraction: u64) -> String {
        let sign = *self.pick(&["", "", "-", "+"]);
        let whole = self.digits(1, most_whole);
        match self.below(6) {
            0 => format!("{sign}{whole}"),
            1 => format!("{sign}.{}", self.digits(1, most_fraction)),
            2 => {
                let exponent = self.below(12) as i64 - 6;
                format!("{sign}{whole}.{}{}{exponent}", self.digits(0, most_fraction), self.pick(&['e', 'E']))
            }
            _ => format!("{sign}{whole}.{}", self.digits(0, most_fraction)),
        }
    }

    pub fn json(&mut self, depth: u64) -> String {
        let blank = *self.pick(&["", "", " ", "\n "]);
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => (*self.pick(&["true", "false", "null"])).to_owned(),
            1 => self.sized().to_string(),
            2 => format!("{}{}.{}", self.pick(&["", "-"]), self.below(1000), self.digits(1, 12)),
            3 => format!("{}e{}", self.below(1000), self.below(40) as i64 - 20),
            4 => self.json_string(),
            5 => {
                let elements: Vec<String> = (0..self.below(5)).map(|_| self.json(depth - 1)).collect();
                format!("[{blank}{}]", elements.join(","))
            }
            _ => {
                let members: Vec<String> = (0..self.below(6))
                    .map(|_| format!("{}{blank}:{}", self.json_string(), self.json(depth - 1)))
                    .collect();
                format!("{blank}{{{}{blank}}}", members.join(", "))
            }
        }
    }

    fn json_string(&mut self) -> String {
        const PIECES: &[&str] = &[
            "a",
            "b",
            "B",
            "ab",
            "é",
            "漢",
            "\\n",
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\/",
            "\\\"",
            "\\\\",
            "\\u001f",
            " ",
        ];
        let pieces: String = (0..self.below(4)).map(|_| *self.pick(PIECES)).collect();
        format!("\"{pieces}\"")
    }

    /// The text with a character more, less or another one.
    pub fn spoilt(&mut self, text: &str) -> String {
        const INTRUDERS: &[char] =
            &['0', '9', '-', '+', '.', ':', ' ', 'e', 'T', 'x', '/', '{', '"', ',', '\\', 'Z', '1'];
        let mut characters: Vec<char> = text.chars().collect();
        let at = self.below(characters.len() as u64 + 1) as usize;
        match self.below(3) {
            0 if at < characters.len() => {
                characters.remove(at);
            }
            1 if at < characters.len() => characters[at] = *self.pick(INTRUDERS),
            _ => characters.insert(at, *self.pick(INTRUDERS)),
        }
        characters.into_iter().collect()
    }
}
