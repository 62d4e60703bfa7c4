//! Weir with this plugin in it.

fn main() -> std::process::ExitCode {
    weir::main_with(|registry| weir_plugin_scale::register(registry))
}
