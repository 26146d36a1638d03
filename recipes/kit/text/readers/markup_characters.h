// The classes of characters that markup.h goes by; of bytes, or ByteReader::kEnd. Private to its files.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_MARKUP_CHARACTERS_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_MARKUP_CHARACTERS_H_

namespace roux::kit::markup {

inline bool is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
inline bool is_ascii_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_letter(int c) {  // what starts a name in XML
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 || c == '_' || c == ':';
}
inline bool is_name(int c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }
inline char lower(int c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

inline bool is_alphanumeric(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace roux::kit::markup

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_MARKUP_CHARACTERS_H_
