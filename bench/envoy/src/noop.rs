//! The least that a filter in WebAssembly can be: Envoy asks it about every request, and it says `Continue`.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};

/// What a plug-in exports at least (proxy-wasm ABI 0.2.1), with the number of its parameters and what it returns.
const EXPORTS: [(&str, usize, Option<i32>); 4] = [
    ("proxy_abi_version_0_2_1", 0, None),
    // Nothing is ever put where this says.
    ("malloc", 1, Some(0)),
    ("proxy_on_context_create", 2, None),
    ("proxy_on_request_headers", 3, Some(CONTINUE)),
];

/// `Action::Continue`.
const CONTINUE: i32 = 0;

/// The module, in its binary form.
pub(crate) fn module() -> Vec<u8> {
    let (mut types, mut functions, mut exports, mut code) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (index, (name, parameters, returns)) in (0..).zip(EXPORTS) {
        types.ty().function(vec![ValType::I32; parameters], returns.map(|_| ValType::I32));
        functions.function(index);
        exports.export(name, ExportKind::Func, index);
        let mut function = Function::new([]);
        if let Some(value) = returns {
            function.instruction(&Instruction::I32Const(value));
        }
        function.instruction(&Instruction::End);
        code.function(&function);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exports.export("memory", ExportKind::Memory, 0);

    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload, Validator};

    use super::*;

    #[test]
    fn it_is_a_plug_in_that_asks_for_nothing() {
        let module = module();
        Validator::new().validate_all(&module).unwrap();
        let mut exports = Vec::new();
        for payload in Parser::new(0).parse_all(&module) {
            match payload.unwrap() {
                Payload::ImportSection(_) => panic!("it imports something"),
                Payload::ExportSection(section) => {
                    exports.extend(section.into_iter().map(|export| export.unwrap().name));
                }
                _ => {}
            }
        }
        let expected: Vec<&str> = EXPORTS.iter().map(|(name, ..)| *name).chain(["memory"]).collect();
        assert_eq!(exports, expected);
    }
}
