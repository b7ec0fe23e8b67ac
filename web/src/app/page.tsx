import { Annotator } from "@/annotator/Annotator";

export default function Page() {
  return <Annotator />;
}
