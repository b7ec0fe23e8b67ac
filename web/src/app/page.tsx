export default function Page() {
  return <main>Candle Annotator</main>;
}
