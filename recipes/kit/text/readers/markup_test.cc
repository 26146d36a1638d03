#include "recipes/kit/text/readers/markup.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/entities.h"
#include "recipes/kit/text/readers/html.h"
#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

// Events as text: "<a x=1/>", "</a>", "text".
absl::StatusOr<std::string> events(const std::string& input, MarkupReader::Syntax syntax,
                                   const MarkupReader::Limits& limits = {}) {
  MarkupReader reader = MarkupReader::create(memory_source(input, "t"), syntax, limits);
  MarkupEvent event;
  std::string out;
  for (;;) {
    const absl::Status status = reader.next(&event);
    if (!status.ok()) return status;
    switch (event.kind) {
      case MarkupEvent::kEndOfInput:
        return out;
      case MarkupEvent::kText:
        absl::StrAppend(&out, "[", event.text, "]");
        break;
      case MarkupEvent::kEnd:
        absl::StrAppend(&out, "</", event.name, ">");
        break;
      case MarkupEvent::kStart:
        absl::StrAppend(&out, "<", event.name);
        for (const auto& [name, value] : event.attributes) absl::StrAppend(&out, " ", name, "=", value);
        absl::StrAppend(&out, event.self_closing ? "/>" : ">");
    }
  }
}

std::string html(const std::string& input) { return *events(input, MarkupReader::kHtml); }
absl::StatusOr<std::string> xml(const std::string& input) { return events(input, MarkupReader::kXml); }

TEST(Html, TakesWhatBrowsersTake) {
  EXPECT_EQ(html(""), "");
  EXPECT_EQ(html("<P Class=big ID='x y' checked>a</p>"), "<p class=big id=x y checked=>[a]</p>");
  EXPECT_EQ(html("a < b && c<3 &lt;&uuml;&#228;&#xE4;&nosuch;&#xFFFFFFFF; &"),
            "[a ][< b && c][<3 <üää&nosuch;\uFFFD &]");
  EXPECT_EQ(html("<!DOCTYPE html><!-- <b> -- > --><?php x ?>t<!x>"), "[t]");
  EXPECT_EQ(html("<br/><img src=a/b.png></>x</ 3>y"), "<br/><img src=a/b.png>[x][y]");
  EXPECT_EQ(html("<script>if (a<b) x('</p>');</script>t<style></style>"),
            "<script>[if (a<b) x('</p>');]</script>[t]<style></style>");
  EXPECT_EQ(html("<script></SCRIPT ><a href=\"?a=1&amp;b=2&c\">"), "<script></script><a href=?a=1&b=2&c>");
  EXPECT_EQ(html("<script><</s<</script>"), "<script>[<</s<]</script>");
}

TEST(Html, CutInputIsNoticed) {
  for (const std::string bad : {"<a", "<a href", "<a href=", "<a href='x", "<!-- x", "<!-", "<!DOCTYPE",
                                "<?x", "</a", "<script>x", "<script>x</scrip", "<script></script"}) {
    const absl::Status status = events("text" + bad, MarkupReader::kHtml).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << bad;
    EXPECT_TRUE(fails_with(status, "t: byte ")) << bad;
  }
}

TEST(Xml, IsStrict) {
  EXPECT_EQ(
      *xml(
          "<?xml version='1.0'?>\n<!DOCTYPE a [<!ELEMENT a (b)>]>\n<a X='1'><b/>t&amp;<![CDATA[<&>]]></a>\n"),
      "<a X=1><b/></b>[t&][<&>]</a>");
  EXPECT_TRUE(fails_with(xml("<a><b></a>").status(), "t: byte 6: </a> where </b> was expected"));
  EXPECT_TRUE(fails_with(xml("<a></a></b>").status(), "t: byte 7: </b> closes nothing"));
  EXPECT_TRUE(fails_with(xml("<a/><b/>").status(), "t: byte 4: a second root element"));
  EXPECT_TRUE(fails_with(xml("<a>").status(), "t: byte 3: the input ends before </a>"));
  EXPECT_TRUE(fails_with(xml("").status(), "no root element"));
  EXPECT_TRUE(fails_with(xml("x<a/>").status(), "t: byte 0: text outside the root element"));
  EXPECT_TRUE(fails_with(xml("<a>&nosuch;</a>").status(), "t: byte 3: unknown entity '&nosuch;'"));
  EXPECT_TRUE(fails_with(xml("<a>1 < 2</a>").status(), "t: byte 5: '<' starts no tag"));
  for (const std::string bad :
       {"<a b></a>", "<a b=c></a>", "<a / ></a>", "<a ='x'/>", "<a><![CDAT[x]]></a>", "<a", "<a>&amp</a>"}) {
    EXPECT_FALSE(xml(bad).ok()) << bad;
  }
}

TEST(Html, ReadsReferencesAsBrowsersDo) {
  EXPECT_EQ(
      html("&copy 1 &lt&gtx &notit; &AMP; &#65&#x41 &#128; &#0; &#xD800; &#; &#x; &#99999999999; &ngE;"),
      "[© 1 <>x ¬it; & AA € \uFFFD \uFFFD &#; &#x; \uFFFD \u2267\u0338]");
  EXPECT_EQ(html("<a href='?a&copy=1&copy;&copyx&copy&lt'>"), "<a href=?a&copy=1©&copyx©<>");
}

TEST(Html, ReadsRawElementsAndOddTags) {
  EXPECT_EQ(html("<title>a <b> &amp; c</titles></title>"), "<title>[a <b> & c</titles>]</title>");
  EXPECT_EQ(html("<textarea></textarea/x>y"), "<textarea></textarea>[y]");
  EXPECT_EQ(html("<script>&amp;</scripty></script>"), "<script>[&amp;</scripty>]</script>");
  EXPECT_EQ(html("<!-->a<!--->b<!-- x --!>c<!-- -- > --->d<!---->e"), "[a][b][c][d][e]");
  EXPECT_EQ(html("<é></é><a{% x y='1' y=2 ,=3>"), "[<é>]<a{% x= y=1 ,=3>");
  EXPECT_EQ(html("a\r\nb\rc<p t='d\r\n'>"), "[a\nb\nc]<p t=d\n>");
}

TEST(Xml, ReadsDeclarationsAndEncodings) {
  EXPECT_EQ(
      *xml(
          "<!DOCTYPE a SYSTEM 'x>' [<!-- it's > <!ENTITY x 'y'> ]> --><?p ENTITY '?><!ELEMENT a ']>'>]><a/>"),
      "<a/></a>");
  EXPECT_EQ(*xml("<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xE4'>\xFC&#252;<![CDATA[\xF6]]></a>"),
            "<a b=ä>[üü][ö]</a>");
  EXPECT_EQ(*xml("<a b='x\n\ty\r\nz'>\r\n</a>"), "<a b=x  y z>[\n]</a>");
  EXPECT_TRUE(fails_with(xml("<?xml version='1.0' encoding=\"Shift_JIS\"?><a/>").status(),
                         "t: byte 0: the document is in 'Shift_JIS'"));
  EXPECT_TRUE(fails_with(xml("\xFF\xFE<").status(), "UTF-16"));
  for (const std::string bad : {"<a b='1' b='2'/>", "<a b='1'c='2'/>", "<a b='<'/>", "<a>&#0;</a>",
                                "<a>&#xD800;</a>", "<a>&#65</a>", "<a>&#X41;</a>"}) {
    EXPECT_FALSE(xml(bad).ok()) << bad;
  }
}

TEST(Xml, HostileInputIsRefused) {
  const std::string laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
  EXPECT_TRUE(fails_with(xml(laughs).status(), "declares entities of its own"));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_TRUE(fails_with(xml(deep).status(), "nested deeper than 1000"));
  const std::string tag = "<a x='" + std::string(5000, 'y') + "'/>";
  EXPECT_TRUE(fails_with(events(tag, MarkupReader::kXml, {.max_tag_bytes = 1000}).status(),
                         "tag is longer than 1000"));
  EXPECT_EQ(html(deep), deep);  // HTML keeps no stack
}

TEST(Markup, LongTextComesInPiecesThatKeepCharacters) {
  std::string text;
  while (text.size() < 300000) text += "ä€x";
  MarkupReader reader = MarkupReader::create(memory_source("<p>" + text, "t"), MarkupReader::kHtml);
  MarkupEvent event;
  std::string joined;
  int pieces = 0;
  do {
    ASSERT_TRUE(reader.next(&event).ok());
    if (event.kind != MarkupEvent::kText) continue;
    EXPECT_NE(static_cast<unsigned char>(event.text[0]) & 0xC0, 0x80);
    EXPECT_LE(event.text.size(), 70000u);
    joined += event.text;
    ++pieces;
  } while (event.kind != MarkupEvent::kEndOfInput);
  EXPECT_EQ(joined, text);
  EXPECT_GT(pieces, 3);
}

TEST(Entities, HoldTheNamesOfHtml) {
  EXPECT_EQ(find_entity("amp")->text, "&");
  EXPECT_TRUE(find_entity("amp")->legacy);
  EXPECT_EQ(find_entity("apos")->text, "'");
  EXPECT_FALSE(find_entity("apos")->legacy);
  EXPECT_EQ(find_entity("Auml")->text, "Ä");
  EXPECT_EQ(find_entity("lang")->text, "\u27E8");
  EXPECT_EQ(find_entity("NotEqualTilde")->text, "\u2242\u0338");
  EXPECT_EQ(find_entity("zwnj")->text, "\u200C");
  EXPECT_EQ(find_entity("x"), nullptr);
  EXPECT_EQ(find_entity(""), nullptr);
}

std::vector<std::string> paragraphs(const std::string& page, std::string* title = nullptr) {
  HtmlTextReader reader = HtmlTextReader::create(memory_source(page, "t"));
  std::vector<std::string> found;
  std::string paragraph;
  for (;;) {
    const absl::StatusOr<bool> more = reader.next(&paragraph);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) break;
    found.push_back(paragraph);
  }
  if (title != nullptr) *title = reader.title();
  return found;
}

TEST(HtmlText, GivesParagraphs) {
  using Text = std::vector<std::string>;
  std::string title;
  EXPECT_EQ(paragraphs(
                "<html><head><title> A  page </title><style>p {}</style></head><body><h1>Head</h1>\n"
                "<p>One <b>bold</b>,\n  two<br>three &amp; <script>no</script>four</p><ul><li>x<li>y</ul>end",
                &title),
            Text({"A page", "Head", "One bold, two\nthree & four", "x", "y", "end"}));
  EXPECT_EQ(title, "A page");
  EXPECT_EQ(paragraphs("a<pre>\n  x = 1\n\n  y</pre>b"), Text({"a", "  x = 1\n\n  y", "b"}));
  EXPECT_EQ(paragraphs("<template><p>no</p></template><td>a</td><td>b"), Text({"a", "b"}));
  EXPECT_EQ(paragraphs("<p> <p>\n</p><br>"), Text());
  EXPECT_EQ(paragraphs("</pre></template>still here"), Text({"still here"}));
}

TEST(HtmlText, CutsEndlessParagraphsAtABlank) {
  std::string page;
  while (page.size() < (3 << 20)) page += "word ";
  std::string joined;
  for (const std::string& paragraph : paragraphs(page)) {
    EXPECT_LE(paragraph.size(), HtmlTextReader::kMaxParagraphBytes + 200000);
    joined += paragraph + " ";
  }
  EXPECT_EQ(joined, page);
}

}  // namespace
}  // namespace roux::kit
