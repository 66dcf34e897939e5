//! The boards that the mirror is meant for: what is known of them, and their packages and images.

mod board;
mod count;
mod cross;
mod deb;
mod emulator;
mod flash;
mod host;
mod image;
mod proof;
mod update;

use board::{Board, listed};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The boards that the mirror is meant for, one TOML file each.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The folder of board files.
    #[arg(long, global = true, default_value = env!("CARGO_MANIFEST_DIR"), hide_default_value = true)]
    folder: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One line a board.
    List,
    /// All that is known of one board.
    Show { board: String },
    /// Reads every board file; fails at the end if one is wrong.
    Check,
    /// Builds the mirror for the boards' processor (aarch64) and says where it lies.
    Build,
    /// Counts what generators cost on the boards' processors, in the mirror's engine and in others: instructions of one run on
    /// an emulated processor, the fewest cycles that its core needs for them, and what that means for each board.
    Count {
        /// Nets, as `edge bench --peers [FOLDER] --keep DIR` leaves them.
        #[arg(value_name = "DIR")]
        nets: PathBuf,
        #[arg(long, value_enum, value_name = "CORE", num_args = 1.., default_values = ["cortex-a72", "cortex-a76"])]
        cpu: Vec<proof::Processor>,
        /// Only these engines: ours, tract, onnxruntime, ncnn.
        #[arg(long, value_name = "ENGINE", num_args = 1..)]
        engine: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Makes a Debian package for arm64: Raspberry Pi OS, Debian, Jetson's Ubuntu.
    Deb {
        /// Folder for the package.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// An `edge` that is built for arm64, in place of one that is built now.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Makes the image of a card: the whole system, which starts the mirror and nothing else.
    Image {
        board: String,
        /// Folder for the image.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Writes a board's image to a card or USB disk, and reads it back.
    Flash {
        board: String,
        /// The whole disk, such as /dev/sda; all that is on it will be lost.
        device: PathBuf,
        /// An image (.img or .img.zst) in place of the board's own.
        #[arg(long, value_name = "FILE")]
        image: Option<PathBuf>,
        /// A kiosk.toml for the card's first partition.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Makes a signed update out of a board's image; copied onto a card's first partition, it is installed at the next start.
    Update {
        board: String,
        /// Folder of the image (`boards image`), and of the update.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Starts a board's image in an emulator, with a window where there is a desktop.
    Boot {
        /// `qemu`.
        board: String,
        /// A picture, or a folder of pictures, to hold before the camera.
        #[arg(long, value_name = "PATH")]
        camera: Option<PathBuf>,
        /// A kiosk.toml for this start.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        /// Folder of the image; one is built when there is none.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Proves that the mirror works on a board's processor.
    #[command(subcommand)]
    Test(Test),
}

#[derive(Subcommand)]
enum Test {
    /// Unit and agreement tests of the mirror, built for the boards and run on emulated processors.
    Arm {
        /// Which processors; all of them unless said otherwise.
        #[arg(long, value_enum, value_name = "CORE", num_args = 1..)]
        cpu: Vec<proof::Processor>,
        /// Without the tests that take longest, and on processors with more features only what depends on them.
        #[arg(long)]
        quick: bool,
    },
    /// The image end to end on an emulated board: boots, ages a face, loses camera, program and power, is updated.
    Qemu {
        /// How often the power is cut while the settings are written.
        #[arg(long, default_value_t = 3, value_name = "TIMES")]
        cuts: u32,
        /// Without the exchange of systems.
        #[arg(long)]
        quick: bool,
        /// Nothing but the exchange of systems.
        #[arg(long, conflicts_with_all = ["quick", "cuts"])]
        updates: bool,
        /// An image that is there already (`boards image qemu --out DIR`), in place of one that is built now.
        #[arg(long, value_name = "DIR")]
        built: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Command::List => {
            for board in board::all(&cli.folder)? {
                println!("{:<18}{:<26}{} × {}", board.id, board.name, board.cpu.cores, board.cpu.core);
            }
        }
        Command::Show { board } => print!("{}", sheet(&board::named(&cli.folder, &board)?)),
        Command::Check => check(&cli.folder)?,
        Command::Build => {
            let cross::Built { edge, hardware, net: _, glibc } = cross::build(&cross::Job::default())?;
            println!(
                "edge      {}\nhardware  {}\nneeds the GNU C library {glibc} or newer",
                edge.display(),
                hardware.display()
            );
        }
        Command::Count { nets, cpu, engine, json } => {
            let boards = board::all(&cli.folder)?;
            let (processors, engines) = (&cpu, &engine);
            count::run(&count::Setting { nets: &nets, processors, engines, boards: &boards, json })?;
        }
        Command::Deb { out, binary } => {
            let binary = binary.map_or_else(|| cross::build(&cross::Job::default()).map(|built| built.edge), Ok)?;
            let package = deb::build(&binary, &out.unwrap_or_else(host::place::results))?;
            println!("{}", package.display());
        }
        Command::Image { board, out } => {
            let board = board::named(&cli.folder, &board)?;
            image(&board, &out.unwrap_or_else(host::place::results))?;
        }
        Command::Flash { board, device, image, settings, yes } => {
            let board = board::named(&cli.folder, &board)?.id;
            let folder = host::place::results();
            flash::flash(flash::Job { board: &board, device: &device, image, folder, settings, yes })?;
        }
        Command::Update { board, out } => {
            let board = board::named(&cli.folder, &board)?;
            image::possible(&board)?;
            let out = out.unwrap_or_else(host::place::results);
            println!("{}", update::of_image(&board.id, &image::Image::of(&board.id, &out), &out)?.display());
        }
        Command::Boot { board, camera, settings, out } => {
            let board = board::named(&cli.folder, &board)?;
            let out = out.unwrap_or_else(host::place::results);
            let mut built = image::Image::of(&board.id, &out);
            if !built.card.exists() {
                built = image(&board, &out)?;
            }
            let hardware = cross::build(&cross::Job::default())?.hardware;
            emulator::session::run(&board, &built, &hardware, camera.as_deref(), settings.as_deref(), &out)?;
        }
        Command::Test(Test::Arm { cpu, quick }) => {
            let processors = if cpu.is_empty() { proof::Processor::ALL.to_vec() } else { cpu };
            proof::arm::test(&processors, quick)?;
        }
        Command::Test(Test::Qemu { cuts, quick, updates, built }) => {
            let out = built.clone().unwrap_or_else(host::place::results);
            let hardware = cross::build(&cross::Job::default())?.hardware;
            let image = match built {
                Some(_) => image::Image::of("qemu", &out),
                None => image(&board::named(&cli.folder, "qemu")?, &out)?,
            };
            let keys = update::keys::ready(&update::keys::folder())?;
            let plan = proof::qemu::Plan { life: !updates, cuts: if updates { 0 } else { cuts }, updates: !quick };
            proof::qemu::test(&image, &keys, &hardware, plan, &out.join("qemu"))?;
        }
    }
    Ok(())
}

/// Builds the mirror, its package and the image of a board.
fn image(board: &Board, out: &std::path::Path) -> anyhow::Result<image::Image> {
    image::possible(board)?;
    let keys = update::keys::ready(&update::keys::folder())?;
    let package = deb::build(&cross::build(&cross::Job::default())?.edge, out)?;
    let deb::origin::Origin { version, time, .. } = deb::origin::read()?;
    let parts = image::Parts { board, package: &package, keyring: &keys.certificate, version: &version, epoch: time };
    let image = image::build(&parts, out)?;
    let map = image::blockmap::BlockMap::write_beside(&image.card)?;
    let names = [&image.card, &map].map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    image::checksums::enter(out, &names.each_ref().map(|name| &**name))?;
    Ok(image)
}

fn check(folder: &std::path::Path) -> anyhow::Result<()> {
    let files = board::files(folder)?;
    anyhow::ensure!(!files.is_empty(), "{} holds no board file", folder.display());
    let mut wrong = 0;
    for path in &files {
        match Board::read(path) {
            Ok(board) => println!("{}: sound", board.id),
            Err(error) => {
                wrong += 1;
                eprintln!("{error}");
            }
        }
    }
    anyhow::ensure!(wrong == 0, "{wrong} of {} board files are wrong", files.len());
    Ok(())
}

fn sheet(board: &Board) -> String {
    let Board { id, name, sources, cpu, memory, thermal, camera, display, generator, boot } = board;
    let clock = cpu.clock_mhz.map_or(String::new(), |mhz| format!(" at {mhz} MHz"));
    let range = |range: Option<[i32; 2]>| range.map(|[low, high]| format!("{low} to {high} °C"));
    let facts = [
        ("board", Some(format!("{name} ({id})"))),
        ("chip", Some(format!("{}, {} × {}{clock}, {}", cpu.chip, cpu.cores, cpu.core, listed(&cpu.features)))),
        ("memory", Some(format!("{} MiB", listed(&memory.sizes_mib)))),
        ("room", range(thermal.ambient_celsius)),
        ("junction", range(thermal.junction_celsius)),
        ("slows down", thermal.throttle_celsius.map(|limit| format!("from {limit} °C"))),
        ("heat", Some(thermal.notes.clone())),
        ("camera", Some(camera.notes.clone())),
        ("display", Some(display.notes.clone())),
        ("generator", Some(format!("width {}, {} threads", generator.width, generator.threads))),
        (
            "image",
            Some(match boot {
                Some(boot) => format!("`boards image {id}`, started by U-Boot ({})", boot.u_boot),
                None => "none: `boards deb` on the vendor's system".into(),
            }),
        ),
        ("sources", Some(sources.join("\n            "))),
    ];
    let lines = facts.into_iter().filter_map(|(key, fact)| fact.map(|fact| format!("{key:<12}{fact}\n")));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_names_all_facts_of_a_board() {
        let board = board::named(env!("CARGO_MANIFEST_DIR").as_ref(), "jetson-nano").unwrap();
        let sheet = sheet(&board);
        for word in ["Cortex-A57", "1430 MHz", "4096 MiB", "-25 to 97", "width 16, 3 threads", "https://"] {
            assert!(sheet.contains(word), "{word} in {sheet}");
        }
        assert!(!sheet.contains("slows down"), "an unknown fact is left out");
    }

    #[test]
    fn check_fails_when_one_file_is_wrong() {
        let folder = std::env::temp_dir().join(format!("boards-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("toaster.toml"), "name = 1").unwrap();
        let result = check(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(result.unwrap_err().to_string().contains("1 of 1"));
    }
}
