"""The peers by convention: modules with PEER (name and version) and train()."""
import dictionary_learning_peer
import sae_lens_peer
import sparsify_peer

BY_CONVENTION = {"sparsify": sparsify_peer, "dictionary_learning": dictionary_learning_peer, "saelens": sae_lens_peer}
