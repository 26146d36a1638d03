#include "tests/golden/text_strings.h"

#include <cstddef>

#include "recipes/kit/text/utf8.h"

namespace roux::golden {
namespace {

// The tables of text_strings.py.
struct Range {
  char32_t low, high;
};
constexpr Range kScripts[] = {
    {0x61, 0x7A},       {0x41, 0x5A},      {0xC0, 0xD6},     {0xD8, 0xF6},       {0x100, 0x17F},
    {0x1E00, 0x1EFF},   {0x3B1, 0x3C9},    {0x430, 0x44F},   {0x410, 0x42F},     {0x561, 0x586},
    {0x5D0, 0x5EA},     {0x620, 0x64A},    {0x64B, 0x655},   {0x905, 0x939},     {0x93A, 0x94F},
    {0x985, 0x98C},     {0xB85, 0xB8A},    {0xE01, 0xE3A},   {0xE81, 0xE82},     {0xF40, 0xF47},
    {0x10D0, 0x10FA},   {0x1100, 0x1112},  {0x1161, 0x1175}, {0x11A8, 0x11C2},   {0x1780, 0x17B3},
    {0x3041, 0x3096},   {0x30A1, 0x30FA},  {0x4E00, 0x9FA5}, {0x3400, 0x4DB5},   {0x20000, 0x2A6D6},
    {0xAC00, 0xD7A3},   {0x13A0, 0x13F5},  {0x1200, 0x1248}, {0x10400, 0x1044F}, {0x1D400, 0x1D454},
    {0xFB00, 0xFB06},   {0xFF21, 0xFF3A},  {0x300, 0x36F},   {0x1F00, 0x1F15},   {0xA000, 0xA48C},
    {0x12000, 0x12399}, {0x1E900, 0x1E94B}};
constexpr Range kNumbers[] = {{0x30, 0x39},     {0x30, 0x39},     {0x30, 0x39},       {0x660, 0x669},
                              {0x966, 0x96F},   {0xB2, 0xB3},     {0xBC, 0xBE},       {0x2160, 0x2188},
                              {0x2460, 0x249B}, {0xFF10, 0xFF19}, {0x1D7CE, 0x1D7FF}, {0x3007, 0x3007}};
constexpr Range kPunctuation[] = {{0x21, 0x2F},     {0x3A, 0x40},     {0x5B, 0x60},     {0x7B, 0x7E},
                                  {0xA1, 0xBF},     {0x2010, 0x2027}, {0x2030, 0x205E}, {0x20A0, 0x20BF},
                                  {0x2190, 0x21FF}, {0x2200, 0x22FF}, {0x2500, 0x257F}, {0x3001, 0x3003},
                                  {0x3008, 0x3011}, {0xFF01, 0xFF0F}};
constexpr char32_t kSpaces[] = {0x20,   0x20,   0x20,   0x20,   0x9,    0xA,    0xA,    0xD,
                                0xB,    0xC,    0xA0,   0x85,   0x1680, 0x180E, 0x2000, 0x2003,
                                0x2009, 0x200B, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF};
constexpr char32_t kEmoji[] = {0x1F600, 0x1F469, 0x1F468, 0x1F680, 0x2764, 0x1F9D1,
                               0x1F1E9, 0x1F1EA, 0x1F3F4, 0x1F44D, 0x261D, 0x1F995};
constexpr char32_t kJoiners[] = {0x200D, 0xFE0F, 0x1F3FB, 0x1F3FF, 0xFE0E, 0x20E3, 0x200D};
constexpr const char* kWords[] = {"the",
                                  "The",
                                  "THE",
                                  "don't",
                                  "I'll",
                                  "we've",
                                  "it's",
                                  "IT'S",
                                  "they're",
                                  "I'm",
                                  "he'd",
                                  "naïve",
                                  "Straße",
                                  "Übergröße",
                                  "hello",
                                  "world",
                                  "tokenization",
                                  "antidisestablishmentarianism",
                                  "supercalifragilistic",
                                  "a",
                                  "of",
                                  "and",
                                  "in",
                                  "x1",
                                  "3.14",
                                  "1,000,000",
                                  "2024-05-06",
                                  "user@example.org",
                                  "https://example.org/a?b=c#d",
                                  "foo_bar",
                                  "camelCase",
                                  "snake_case",
                                  "être",
                                  "garçon",
                                  "señor",
                                  "İstanbul",
                                  "ΣΊΣΥΦΟΣ",
                                  "привет",
                                  "мир",
                                  "你好",
                                  "世界",
                                  "こんにちは",
                                  "한국어",
                                  "नमस्ते",
                                  "مرحبا",
                                  "שלום",
                                  "สวัสดี",
                                  "don’t",
                                  "…",
                                  "—",
                                  "'s",
                                  "'S",
                                  "'ſ",
                                  "'ll",
                                  "'LL"};
constexpr const char* kCode[] = {"if (x == 0) {\n",
                                 "    return foo(a, b);\n",
                                 "}\n",
                                 "\tfor i in range(10):\n",
                                 "        print(i)\n",
                                 "// comment\n",
                                 "/* block */",
                                 "a[i] += b->c;",
                                 "\n\n\n",
                                 "#include <vector>\r\n",
                                 "λ x → x",
                                 "x := y",
                                 "`code`",
                                 "{\"key\": [1, 2]}",
                                 "<div class='a'>",
                                 "&amp;",
                                 "\\n",
                                 "\\u00e9",
                                 "==",
                                 "!=",
                                 ">>>",
                                 "___",
                                 "----------",
                                 "$$$",
                                 "0xDEADBEEF"};
constexpr const char* kSpecials[] = {
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "[CLS]",       "[SEP]",   "[MASK]", "[UNK]", "<s>",
    "</s>",          "<unk>",        "<0x0A>",     "<|im_start|", "[ CLS ]", "##ing",  "▁",     "Ġ"};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 0x1234567) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }
  template <class T, size_t kSize>
  T pick(const T (&items)[kSize]) {
    return items[below(kSize)];
  }
  char32_t in_range(Range r) { return static_cast<char32_t>(r.low + below(r.high - r.low + 1)); }

 private:
  uint64_t state_;
};

std::string utf8(char32_t c) {
  std::string out;
  kit::append_utf8(c, &out);
  return out;
}

std::string word(Random& rng) {
  if (rng.below(3) == 0) return rng.pick(kWords);
  const Range script = rng.pick(kScripts);
  std::string out;
  const uint64_t length = 1 + rng.below(10);
  for (uint64_t i = 0; i < length; ++i) out += utf8(rng.in_range(script));
  return out;
}

std::string any_char(Random& rng) {
  switch (rng.below(8)) {
    case 3:
      return utf8(rng.in_range(rng.pick(kNumbers)));
    case 4:
      return utf8(rng.in_range(rng.pick(kPunctuation)));
    case 5:
      return utf8(rng.pick(kSpaces));
    case 6:
      return utf8(static_cast<char32_t>(rng.below(0x80)));
    case 7:
      return utf8(rng.pick(kEmoji));
    default:
      return utf8(rng.in_range(rng.pick(kScripts)));
  }
}

std::string repeat(const std::string& text, uint64_t count) {
  std::string out;
  for (uint64_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string emoji(Random& rng, uint64_t n) {
  std::string out;
  for (uint64_t i = 0; i < n; ++i) {
    out += utf8(rng.pick(kEmoji));
    if (rng.below(2)) out += utf8(rng.pick(kJoiners));
  }
  return out;
}

std::string long_run(Random& rng) {
  uint64_t length = 1 + rng.below(400);
  if (rng.below(20) == 0) length *= 10;
  std::string out = repeat(any_char(rng), length);
  return out + word(rng);
}

std::string white_space(Random& rng, uint64_t n) {
  std::string out;
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t spaces = 1 + rng.below(4);
    for (uint64_t k = 0; k < spaces; ++k) out += utf8(rng.pick(kSpaces));
    if (rng.below(2)) out += word(rng);
  }
  return out;
}

std::string sentence(Random& rng, uint64_t n) {
  std::string out;
  for (uint64_t i = 0; i < n; ++i) out += (i > 0 ? " " : "") + std::string(rng.pick(kWords));
  constexpr const char* kEnds[] = {".", "!", "?", "...", ".\n", ""};
  return out + rng.pick(kEnds);
}

std::string marks(Random& rng, uint64_t n) {
  std::string out;
  for (uint64_t i = 0; i < n; ++i) {
    out += utf8(rng.in_range(rng.pick(kScripts)));
    const uint64_t count = rng.below(4);
    for (uint64_t k = 0; k < count; ++k) out += utf8(rng.in_range({0x300, 0x36F}));
    if (rng.below(3) == 0) {
      out += utf8(rng.in_range({0x1100, 0x1112}));
      out += utf8(rng.in_range({0x1161, 0x1175}));
    }
  }
  return out;
}

// One of n parts of the simpler kinds.
std::string part(Random& rng, uint64_t kind) {
  std::string out;
  switch (kind) {
    case 0:
      return word(rng) + " ";
    case 2:
      return rng.below(2) ? std::string(1, static_cast<char>(rng.below(0x20)))
                          : utf8(static_cast<char32_t>(rng.below(0xA0)));
    case 3:
      return rng.below(3) == 0 ? utf8(rng.in_range(rng.pick(kPunctuation)))
                               : utf8(rng.in_range(rng.pick(kNumbers)));
    case 5:
      return any_char(rng);
    case 6:
      return rng.below(3) ? std::string(1, static_cast<char>(rng.below(256))) : word(rng);
    case 9:
      return rng.pick(kCode);
    case 10:
      out = rng.below(2) ? word(rng) : any_char(rng);
      if (rng.below(3) == 0) out += repeat(" ", 1 + rng.below(5));
      return out;
    default:
      out = rng.below(2) ? rng.pick(kSpecials) : word(rng);
      if (rng.below(2)) out += " ";
      return out;
  }
}

}  // namespace

std::string make_string(uint64_t index) {
  Random rng(index);
  const uint64_t kind = index % 13;
  const uint64_t n = 1 + rng.below(12);
  switch (kind) {
    case 1:
      return emoji(rng, n);
    case 4:
      return long_run(rng);
    case 7:
      return white_space(rng, n);
    case 8:
      return sentence(rng, n * 2);
    case 11:
      return marks(rng, n);
    default:
      break;
  }
  const uint64_t parts = kind == 2 || kind == 3 || kind == 6 ? n * 2 : kind == 5 ? n * 3 : n;
  std::string out;
  for (uint64_t i = 0; i < parts; ++i) out += part(rng, kind);
  return out;
}

uint64_t fnv(const std::vector<uint32_t>& words) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const uint32_t word : words) {
    for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (word >> shift & 0xFF)) * 0x100000001B3u;
  }
  return hash;
}

}  // namespace roux::golden
