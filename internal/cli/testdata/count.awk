# Counts CoNLL-2012 files, skeletons included, from their cells alone: the second count that `corpus
# --json` is compared with. Prints a name of its JSON, with a dot before what a map counts, and a number
# a line.
function each(cell, counts, kind,    s) {
  s = cell
  while (match(s, /\([^()*]+/)) {
    counts[kind "." substr(s, RSTART + 1, RLENGTH - 1)]++
    s = substr(s, RSTART + RLENGTH)
  }
}
/^#begin document/ { n["documents"]++; split("", chain); chains = 0; rows = 0; next }
/^#end document/ { n["chains"] += chains; if (!chains) n["documents_without_coref"]++; if (rows) n["sentences"]++; rows = 0; next }
NF == 0 { if (rows) n["sentences"]++; rows = 0; next }
{
  rows++
  n["tokens"]++
  each($11, n, "named_entities")
  for (j = 12; j < NF; j++) each($j, n, "arguments")
  if ($8 != "-") {
    n["frames"]++
    if ($5 !~ /^V/) n["nonverbal_predicates"]++
  }
  if ($NF != "-") {
    parts = split($NF, part, "|")
    for (j = 1; j <= parts; j++) {
      if (part[j] ~ /\)$/) n["mentions"]++
      id = part[j]
      gsub(/[()]/, "", id)
      if (!(id in chain)) { chain[id] = 1; chains++ }
    }
  }
}
END { for (name in n) print name, n[name] }
