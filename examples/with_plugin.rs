//! Weir with this plugin in it.

fn main() -> std::process::ExitCode {
    weir::main_with(weir_plugin_scale::register)
}
