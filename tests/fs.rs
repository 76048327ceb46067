//! Files: what `gort::fs` does is what `std::fs` does, and nobody waits for it.

#[path = "support/runtime.rs"]
mod runtime;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::{BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gort::fs::{self, File, OpenOptions};
use gort::{chan, go, scope};
use runtime::run;

/// Runs `f` with a directory of its own, on a goroutine and on a plain thread.
fn in_a_folder(f: impl Fn(&Path) + Sync) {
    let folder = tempfile::tempdir().unwrap();
    run(|| f(folder.path()));
    let folder = tempfile::tempdir().unwrap();
    f(folder.path());
}

#[test]
fn whole_files() {
    in_a_folder(|folder| {
        let (a, b) = (folder.join("a"), folder.join("b"));
        assert!(!fs::exists(&a).unwrap());
        fs::write(&a, "héllo").unwrap();
        assert_eq!(fs::read(&a).unwrap(), "héllo".as_bytes());
        assert_eq!(fs::read_to_string(&a).unwrap(), "héllo");
        assert_eq!(fs::copy(&a, &b).unwrap(), 6);
        fs::rename(&b, folder.join("c")).unwrap();
        assert!(!fs::exists(&b).unwrap() && fs::exists(folder.join("c")).unwrap());
        assert_eq!(fs::metadata(&a).unwrap().len(), 6);
        fs::remove_file(&a).unwrap();
        assert_eq!(fs::read(&a).unwrap_err().kind(), ErrorKind::NotFound);
        fs::write(&a, [0xff]).unwrap();
        assert_eq!(fs::read_to_string(&a).unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn directories() {
    in_a_folder(|folder| {
        let deep = folder.join("x/y");
        assert_eq!(fs::create_dir(&deep).unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(fs::create_dir(&deep).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::DirBuilder::new().mode(0o700).create(deep.join("private")).unwrap();
        assert_eq!(fs::metadata(deep.join("private")).unwrap().mode() & 0o777, 0o700);
        fs::DirBuilder::new().recursive(true).create(&deep).unwrap();
        assert!(fs::remove_dir(&deep).is_err());
        fs::remove_dir(deep.join("private")).unwrap();
        // More than are read ahead.
        let names: BTreeSet<_> = (0..200).map(|n| format!("f{n}").into()).collect();
        for name in &names {
            fs::write(deep.join(name), []).unwrap();
        }
        let mut entries = fs::read_dir(&deep).unwrap();
        let mut seen = BTreeSet::new();
        for entry in entries.by_ref() {
            let entry = entry.unwrap();
            assert_eq!(entry.path(), deep.join(entry.file_name()));
            assert!(entry.file_type().unwrap().is_file() && entry.metadata().unwrap().is_file());
            assert_eq!(entry.ino(), fs::metadata(entry.path()).unwrap().ino());
            assert!(seen.insert(entry.file_name()));
        }
        assert_eq!(seen, names);
        assert!(entries.next().is_none());
        fs::remove_dir_all(folder.join("x")).unwrap();
        assert_eq!(fs::read_dir(&deep).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn links_and_permissions() {
    in_a_folder(|folder| {
        let (a, hard, soft) = (folder.join("a"), folder.join("hard"), folder.join("soft"));
        fs::write(&a, "x").unwrap();
        fs::hard_link(&a, &hard).unwrap();
        fs::symlink(&a, &soft).unwrap();
        assert_eq!(fs::metadata(&hard).unwrap().ino(), fs::metadata(&a).unwrap().ino());
        assert_eq!(fs::read_link(&soft).unwrap(), a);
        assert!(fs::symlink_metadata(&soft).unwrap().is_symlink());
        assert!(!fs::metadata(&soft).unwrap().is_symlink());
        assert_eq!(fs::canonicalize(&soft).unwrap(), fs::canonicalize(&a).unwrap());
        fs::set_permissions(&a, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(fs::metadata(&a).unwrap().mode() & 0o777, 0o640);
    });
}

#[test]
fn an_open_file() {
    in_a_folder(|folder| {
        let path = folder.join("a");
        let mut file = File::create_new(&path).unwrap();
        assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        file.write_all(b"0123456789").unwrap();
        assert_eq!(file.seek(SeekFrom::Start(2)).unwrap(), 2);
        let mut bytes = [0; 3];
        file.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"234");
        assert_eq!(file.stream_position().unwrap(), 5);
        assert_eq!(
            (file.write_at(b"AB", 0).unwrap(), file.read_at(&mut bytes, 1).unwrap()),
            (2, 3)
        );
        assert_eq!((&bytes, file.stream_position().unwrap()), (b"B23", 5));
        file.write_all_at(b"Z", 9).unwrap();
        file.read_exact_at(&mut bytes, 7).unwrap();
        assert_eq!(&bytes, b"78Z");
        assert_eq!(file.read_exact_at(&mut bytes, 8).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let (mut x, mut y) = ([0; 2], [0; 2]);
        let mut slices = [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)];
        assert_eq!(file.read_vectored(&mut slices).unwrap(), 4);
        assert_eq!((&x, &y), (b"56", b"78"));
        assert_eq!(file.write_vectored(&[IoSlice::new(b"!"), IoSlice::new(b"?")]).unwrap(), 2);
        // A clone has the same position.
        let mut clone = file.try_clone().unwrap();
        clone.rewind().unwrap();
        let mut text = String::new();
        assert_eq!(file.read_to_string(&mut text).unwrap(), 11);
        assert_eq!(text, "AB2345678!?");
        file.set_len(4).unwrap();
        file.sync_all().unwrap();
        file.sync_data().unwrap();
        file.flush().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 4);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        file.set_modified(then).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.modified().unwrap(), metadata.mode() & 0o777), (then, 0o600));
    });
}

#[test]
fn ways_to_open() {
    in_a_folder(|folder| {
        let path = folder.join("a");
        let open = |options: &mut OpenOptions| options.open(&path);
        assert!(open(File::options().write(true)).is_err());
        let file = open(File::options().write(true).create_new(true).mode(0o600)).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        (&file).write_all(b"abc").unwrap();
        open(File::options().append(true)).unwrap().write_all(b"d").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcd");
        let mut read = File::open(&path).unwrap();
        assert!(read.write(b"x").is_err());
        let mut bytes = Vec::new();
        assert_eq!(read.read_to_end(&mut bytes).unwrap(), 4);
        drop(open(File::options().write(true).truncate(true)).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"");
        let flags = File::options().read(true).custom_flags(libc::O_DIRECTORY).open(folder);
        assert!(flags.unwrap().metadata().unwrap().is_dir());
    });
}

#[test]
fn stds_files_and_descriptors() {
    in_a_folder(|folder| {
        let path = folder.join("a");
        let file = File::from_std(std::fs::File::create(&path).unwrap());
        let number = file.as_raw_fd();
        assert_eq!(file.as_fd().as_raw_fd(), number);
        let fd = OwnedFd::from(file);
        let file = File::from(fd);
        // SAFETY: the number of an open file that nobody else has.
        let file = unsafe { File::from_raw_fd(file.into_raw_fd()) };
        assert_eq!(file.as_raw_fd(), number);
        file.into_std().write_all(b"x").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    });
}

#[test]
fn goroutines_share_a_file() {
    in_a_folder(|folder| {
        let path = folder.join("a");
        let file = File::options().read(true).append(true).create(true).open(path).unwrap();
        let file = Arc::new(file);
        if gort::id().is_none() {
            run(|| ());
        }
        let line = |n: usize| format!("line {n}\n");
        let writers = (0..100).map(|n| {
            let file = Arc::clone(&file);
            go(move || (&*file).write_all(line(n).as_bytes()).unwrap())
        });
        writers.collect::<Vec<_>>().into_iter().for_each(|writer| writer.join().unwrap());
        (&*file).rewind().unwrap();
        let lines: BTreeSet<_> = BufReader::new(&*file).lines().map(Result::unwrap).collect();
        assert_eq!(lines.len(), 100);
        assert!((0..100).all(|n| lines.contains(line(n).trim_end())));
    });
}

#[test]
fn a_lock_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    run(|| {
        let (first, second) = (File::create(&path).unwrap(), File::create(&path).unwrap());
        first.lock().unwrap();
        assert!(matches!(second.try_lock(), Err(fs::TryLockError::WouldBlock)));
        assert!(matches!(second.try_lock_shared(), Err(fs::TryLockError::WouldBlock)));
        let waits = go(move || {
            second.lock_shared().unwrap();
            second
        });
        gort::sleep(Duration::from_millis(5));
        assert!(!waits.is_finished());
        first.unlock().unwrap();
        let second = waits.join().unwrap();
        first.try_lock_shared().unwrap();
        assert!(second.try_lock_shared().is_ok());
    });
}

/// A named pipe: opening it waits for the other end, reading for bytes.
fn make_fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a string that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
}

#[test]
fn sixty_four_goroutines_wait_for_pipes() {
    const PIPES: usize = 64;
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..PIPES).map(|n| folder.path().join(format!("pipe{n}"))).collect();
    paths.iter().for_each(|path| make_fifo(path));
    run(|| {
        let (tx, rx) = chan::<(usize, Vec<u8>)>(PIPES);
        scope(|s| {
            for (n, path) in paths.iter().enumerate() {
                let tx = tx.clone();
                s.go(move || {
                    let mut bytes = Vec::new();
                    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
                    tx.send((n, bytes)).unwrap();
                });
            }
            s.go(|| {
                for (n, path) in paths.iter().enumerate() {
                    let mut pipe = File::options().write(true).open(path).unwrap();
                    write!(pipe, "pipe {n}").unwrap();
                }
            });
        });
        drop(tx);
        let mut got: Vec<_> = rx.iter().collect();
        got.sort();
        assert_eq!(got.len(), PIPES);
        assert!(got.iter().all(|(n, bytes)| bytes == format!("pipe {n}").as_bytes()));
    });
}

/// Those that wait for pipes hold up nobody, though there are more of them than processors.
#[test]
fn others_run_while_pipes_are_waited_for() {
    const PIPES: usize = 64;
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..PIPES).map(|n| folder.path().join(format!("pipe{n}"))).collect();
    paths.iter().for_each(|path| make_fifo(path));
    run(|| {
        let waits: Vec<_> = paths.clone().into_iter().map(|path| go(|| fs::read(path))).collect();
        for _ in 0..100 {
            gort::gosched();
            go(|| gort::sleep(Duration::from_micros(10))).join().unwrap();
        }
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        for path in &paths {
            fs::write(path, "x").unwrap();
        }
        assert!(waits.into_iter().all(|wait| wait.join().unwrap().unwrap() == b"x"));
    });
}

#[test]
fn copy_moves_all_of_it() {
    in_a_folder(|folder| {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        fs::write(folder.join("a"), &bytes).unwrap();
        let mut from = File::open(folder.join("a")).unwrap();
        let mut to = File::create(folder.join("b")).unwrap();
        assert_eq!(gort::io::copy(&mut from, &mut to).unwrap(), 300_000);
        assert_eq!(fs::read(folder.join("b")).unwrap(), bytes);
    });
}
