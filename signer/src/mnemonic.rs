//! The words that are the wallet (BIP 39).

use bip39::Language;
use zeroize::Zeroizing;

/// Bytes of entropy of 12 and of 24 words.
const ENTROPY_LENGTHS: [usize; 2] = [16, 32];

/// Why words are no mnemonic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// Only these two lengths are used.
    #[error("a mnemonic has 12 or 24 words, this one has {got}")]
    WordCount {
        /// How many there are.
        got: usize,
    },
    /// One word is none of the English list. The word itself is not repeated: it may be a typing error away from a secret.
    #[error("word {position} is not in the English word list of BIP 39")]
    UnknownWord {
        /// Counted from 1.
        position: usize,
    },
    /// All words are known, but not together.
    #[error(
        "the words' checksum is wrong: one of them is another word, or they are in another order"
    )]
    Checksum,
}

/// The entropy behind 12 or 24 English words. It is wiped when dropped and never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Mnemonic {
    entropy: Zeroizing<Vec<u8>>,
}

impl Mnemonic {
    /// 24 new words.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn generate() -> Result<Self, rand::Error> {
        let mut entropy = Zeroizing::new(vec![0; 32]);
        rand::RngCore::try_fill_bytes(&mut rand::rngs::OsRng, &mut entropy)?;
        Ok(Self { entropy })
    }

    /// Reads 12 or 24 words, in any case and with any white space between them.
    ///
    /// # Errors
    /// [`MnemonicError`], which never repeats a word.
    pub fn parse(words: &str) -> Result<Self, MnemonicError> {
        let lower = Zeroizing::new(words.to_lowercase());
        let list: Vec<&str> = lower.split_whitespace().collect();
        if !matches!(list.len(), 12 | 24) {
            return Err(MnemonicError::WordCount { got: list.len() });
        }
        let joined = Zeroizing::new(list.join(" "));
        let parsed =
            bip39::Mnemonic::parse_in_normalized(Language::English, &joined).map_err(|error| {
                match error {
                    bip39::Error::UnknownWord(index) => MnemonicError::UnknownWord {
                        position: index + 1,
                    },
                    bip39::Error::BadWordCount(got) => MnemonicError::WordCount { got },
                    bip39::Error::BadEntropyBitCount(_)
                    | bip39::Error::InvalidChecksum
                    | bip39::Error::AmbiguousLanguages(_) => MnemonicError::Checksum,
                }
            })?;
        Ok(Self {
            entropy: Zeroizing::new(parsed.to_entropy()),
        })
    }

    /// From what [`entropy`](Self::entropy) gave. `None` for other lengths than those of 12 and 24 words.
    pub(crate) fn from_entropy(entropy: Zeroizing<Vec<u8>>) -> Option<Self> {
        ENTROPY_LENGTHS
            .contains(&entropy.len())
            .then_some(Self { entropy })
    }

    pub(crate) fn entropy(&self) -> &[u8] {
        &self.entropy
    }

    /// The words, for the one time that they are shown.
    pub fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(self.bip39().to_string())
    }

    /// The 64-byte seed of BIP 39, with an empty passphrase: the file's passphrase is another thing.
    pub(crate) fn seed(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.bip39().to_seed_normalized(""))
    }

    fn bip39(&self) -> bip39::Mnemonic {
        bip39::Mnemonic::from_entropy(&self.entropy)
            .expect("the entropy has one of two lengths that BIP 39 allows")
    }
}

impl std::fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mnemonic(..)")
    }
}
