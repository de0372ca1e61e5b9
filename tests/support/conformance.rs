//! Holding a host of the verifier against the conformance corpus (tests/vectors), whatever it is written in.
//!
//! A [`Host`] is a command that is run once for each file of cases, with the file's path as its last argument, and
//! writes a verdict a line. [`compare`] holds its verdicts against what the cases expect; [`Report`] shows what
//! came of it. tests/vectors/README.md is the whole of the contract.

mod corpus;
mod host;
mod report;

pub use self::{
    corpus::{Case, CaseFile, CorpusError, Outcome, cases_folder},
    host::{Host, HostError},
    report::Report,
};

/// A case on which a host and the corpus disagree.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    /// The case.
    pub id: String,
    /// What it is about.
    pub about: String,
    /// What should have come of it.
    pub expected: Outcome,
    /// What did; nothing, if the host was silent about it.
    pub actual: Option<Outcome>,
}

/// A host, held against a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The host's command.
    pub host: String,
    /// The file's name, without its folder.
    pub file: String,
    /// How many cases the file has.
    pub cases: usize,
    /// Those on which they disagree, in the order of the file.
    pub disagreements: Vec<Disagreement>,
}

/// Has a host judge the cases of a file.
pub fn compare(host: &Host, file: &CaseFile) -> Result<Comparison, HostError> {
    let mut verdicts = host.judge(file)?;
    let disagreements = file
        .cases()
        .iter()
        .filter_map(|case| {
            let actual = verdicts.remove(&case.id);
            (actual.as_ref() != Some(&case.expected)).then(|| Disagreement {
                id: case.id.clone(),
                about: case.about.clone(),
                expected: case.expected.clone(),
                actual,
            })
        })
        .collect();
    Ok(Comparison {
        host: host.command().to_owned(),
        file: file.name().to_owned(),
        cases: file.cases().len(),
        disagreements,
    })
}

#[cfg(test)]
mod tests;
