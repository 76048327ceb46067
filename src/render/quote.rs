//! Text between quotes, as Go's `%q` and `strconv.Quote` write it.

use super::number;

/// Appends bytes in double quotes. What is not printable, or no UTF-8, is escaped.
pub(crate) fn go(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        valid(out, chunk.valid());
        for &byte in chunk.invalid() {
            escaped_byte(out, byte);
        }
    }
    out.push(b'"');
}

fn valid(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        quoted(out, character);
    }
}

fn quoted(out: &mut Vec<u8>, character: char) {
    let short = match character {
        '"' | '\\' => character as u8,
        '\x07' => b'a',
        '\x08' => b'b',
        '\x0c' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\x0b' => b'v',
        _ if is_printable(character) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        '\0'..=' ' | '\x7f' => return escaped_byte(out, character as u8),
        _ => return escaped(out, character),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn escaped_byte(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(if byte < 0x10 { b"\\x0" } else { b"\\x" });
    number::hexadecimal(out, byte.into());
}

fn escaped(out: &mut Vec<u8>, character: char) {
    let (prefix, width) = if character <= '\u{ffff}' { ("\\u", 4) } else { ("\\U", 8) };
    out.extend_from_slice(format!("{prefix}{:0width$x}", character as u32).as_bytes());
}

/// Whether Go prints it as it is: letters, marks, numbers, punctuation, symbols, and the space.
///
/// `std` draws the same line where it escapes text for debugging, but escapes marks at the beginning
/// of a text, too; so something is put before it.
pub(crate) fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    let mut text = [b'.'; 5];
    let len = 1 + character.encode_utf8(&mut text[1..]).len();
    let text = str::from_utf8(&text[..len]).expect("a dot and a character");
    text.escape_debug().nth(1) == Some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> String {
        let mut out = Vec::new();
        go(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    /// The expected texts are what `strconv.Quote` of Go 1.27.3 returns.
    #[test]
    fn as_go_quotes() {
        for (text, expected) in [
            (&b""[..], r#""""#),
            (b"chan receive", r#""chan receive""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
            (b"\0\x1b\x1f\x7f", r#""\x00\x1b\x1f\x7f""#),
            ("äß€𝄞".as_bytes(), "\"äß€𝄞\""),
            ("e\u{301}\u{301}".as_bytes(), "\"e\u{301}\u{301}\""),
            ("\u{301}".as_bytes(), "\"\u{301}\""),
            ("\u{a0}\u{200b}\u{feff}\u{3000}".as_bytes(), r#""\u00a0\u200b\ufeff\u3000""#),
            ("\u{80}\u{ad}\u{e000}\u{fffd}".as_bytes(), "\"\\u0080\\u00ad\\ue000\u{fffd}\""),
            ("\u{e0001}\u{10ffff}".as_bytes(), r#""\U000e0001\U0010ffff""#),
            (b"x\xffy\xe2\x82z\xc0\xaf", r#""x\xffy\xe2\x82z\xc0\xaf""#),
            (b"'", r#""'""#),
        ] {
            assert_eq!(of(text), expected, "{text:?}");
        }
    }
}
